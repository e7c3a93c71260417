"""The numbers of a view in words: one line of facts per topic, for wide and narrow screens alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aegispay.cli.console import printable
from aegispay.cli.top_view import Presence, View, age_of
from aegispay.domain.state import PaymentState
from aegispay.status.picture import EngineStatus, LatelyPicture

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.:-=+*#"
_CURVE_MAX = 24
_FAILURES_MAX = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """A line.

    Attributes:
        style: in which it is shown: "" for an ordinary one, else a colour that asks to be looked at.
    """

    topic: str
    words: str
    style: str = ""


def facts(view: View, *, ascii_only: bool = False) -> Iterator[Fact]:
    """Yield the lines of a view, most general first.

    Args:
        view: of one moment.
        ascii_only: where the screen has no other characters.
    """
    status = view.status
    if status is None:
        yield Fact("engine", printable(view.words, longest=300), "yellow")
    else:
        yield _engine(view, status)
        yield from _throughput(status, _PLAIN_BARS if ascii_only else _BARS)
    yield Fact("payments", _counts({state.value: view.states.get(state, 0) for state in PaymentState}) or "none yet")
    yield _doubts(view)
    yield from _aside(view)
    if status is not None:
        yield from _inside(status)


def _engine(view: View, status: EngineStatus) -> Fact:
    words = f"process {status.pid} on {printable(status.host, longest=40)}, up {age_of(view.at - status.opened_at)}"
    if status.halted:
        return Fact("engine", f"{words}; HALTED by {printable(status.halted, longest=40)}: takes no commands", "red")
    if status.recovering:
        return Fact("engine", f"{words}; recovering {status.recovering:,} payments of the last run", "yellow")
    return Fact("engine", words, "green")


def _throughput(status: EngineStatus, bars: str) -> Iterator[Fact]:
    lately = status.lately
    if lately is None:
        yield Fact("lately", "this engine has only just begun")
        return
    words = f"{_rate(lately.payments_per_s)} payments/s  {_rate(lately.events_per_s)} events/s"
    drawn = curve(status.payments_per_s, bars)
    yield Fact("lately", f"{words}  {drawn}  {age_of(lately.seconds)}")
    yield Fact("outcome", "  ".join(_outcome(status, lately)))
    yield Fact("commits", _commits(lately))


def _outcome(status: EngineStatus, lately: LatelyPicture) -> Iterator[str]:
    good, bad = status.payments.get("success", 0), status.payments.get("failure", 0)
    if good + bad:
        yield f"{good / (good + bad):.1%} paid since it began"
    if status.retried:
        yield f"{status.retried:,} retried"
    if lately.payment_p50_s is not None:
        yield f"ends in p50 {duration(lately.payment_p50_s)} p95 {duration(lately.payment_p95_s)}"
    most = sorted(status.failures.items(), key=lambda each: (-each[1], each[0]))[:_FAILURES_MAX]
    if most:
        yield f"failed by {_counts(dict(most))}"
    if not good + bad:
        yield "nothing has ended yet"


def _commits(lately: LatelyPicture) -> str:
    if lately.writes_per_commit is None:
        return "none lately"
    p50, p95 = duration(lately.commit_p50_s), duration(lately.commit_p95_s)
    return f"{_rate(lately.commits_per_s)}/s  {lately.writes_per_commit:.1f} writes each  p50 {p50} p95 {p95}"


def _doubts(view: View) -> Fact:
    doubts, oldest = view.doubts, ""
    if doubts.oldest_since is not None:
        oldest = f", the oldest for {age_of(view.at - doubts.oldest_since)}"
    words = f"{doubts.payments:,} in doubt{oldest}  {doubts.incidents:,} with incidents"
    return Fact("unknown", words, "red" if doubts.incidents else "yellow" if doubts.payments else "")


def _aside(view: View) -> Iterator[Fact]:
    crashed = view.parked - view.reviews
    words = f"{crashed:,} parked for crashing  {view.reviews:,} waiting for a review"
    yield Fact("set aside", words, "red" if crashed else "yellow" if view.reviews else "")


def _inside(status: EngineStatus) -> Iterator[Fact]:
    actors = status.actors
    yield Fact("inside", f"{status.requests:,} requests  {status.calls:,} gateway calls  {actors.alive:,} actors")
    waiting = {name: count for name, count in actors.waiting.items() if count}
    mail = f"{_counts(waiting) or 'none'} waiting  {actors.refused:,} refused"
    yield Fact("mail", mail, "yellow" if actors.refused else "")
    restarts = f"{_counts(actors.restarts) or 'none'}  (crashes: {_counts(actors.crashes) or 'none'})"
    yield Fact("restarts", restarts, "yellow" if actors.restarts else "")


def presence_of(view: View) -> str:
    """Return in one word whether an engine runs."""
    return "running" if view.presence is Presence.RUNNING else "no engine seen"


def curve(values: Iterable[float], bars: str) -> str:
    """Return one bar per value; nothing for no values."""
    shown = [max(0.0, value) for value in values][-_CURVE_MAX:]
    highest = max(shown, default=0.0)
    if highest <= 0:
        return bars[0] * len(shown)
    return "".join(bars[min(len(bars) - 1, int(value / highest * len(bars)))] for value in shown)


def duration(seconds: float | None) -> str:
    """Return a short duration with its unit; a dash where it is not known."""
    if seconds is None:
        return "-"
    if seconds >= 60:
        return age_of(seconds)
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.1f}"


def _counts(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{printable(name, longest=30)} {count:,}" for name, count in counts.items() if count)
