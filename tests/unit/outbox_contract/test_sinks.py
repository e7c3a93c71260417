"""Ready subscribers: the console, and several behind one name."""

from __future__ import annotations

import asyncio
import io
import json

import pytest

from aegispay.errors import ValidationError
from aegispay.outbox.console_sink import ConsoleSink
from aegispay.outbox.envelope import public_event
from aegispay.outbox.fan_out import fan_out
from aegispay.ports import StoredEvent
from tests import builders as b
from tests.samples import EVENTS, INITIATED


def stored(version=1, event=INITIATED):
    return StoredEvent(position=version, payment_id=b.ID, version=version, event=event, recorded_at=b.NOW, hash="")


ALL = [stored(number, event) for number, event in enumerate((INITIATED, *EVENTS), start=1)]


def run(sink, *events):
    async def main():
        for event in events:
            await sink(event)

    asyncio.run(main())


def test_the_console_says_when_which_payment_and_what():
    out = io.StringIO()
    run(ConsoleSink(out), ALL[0], ALL[11])
    assert out.getvalue().splitlines() == [
        f"2026-03-01T12:00:00Z {b.ID}   1 payment.initiated",
        f"2026-03-01T12:00:00Z {b.ID}  12 payment.succeeded",
    ]


def test_no_line_on_the_console_is_long():
    out = io.StringIO()
    run(ConsoleSink(out), *ALL)
    assert max(map(len, out.getvalue().splitlines())) <= 90


def test_the_console_prints_published_events_as_json():
    out = io.StringIO()
    run(ConsoleSink(out, is_json=True), *ALL)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [public_event(each) for each in ALL]


def test_the_console_is_standard_output_as_it_is_when_the_event_comes(capsys):
    sink = ConsoleSink()
    run(sink, ALL[0])
    assert capsys.readouterr().out.endswith("payment.initiated\n")


def test_lines_of_events_that_come_at_once_do_not_mix():
    out = io.StringIO()
    sink = ConsoleSink(out, is_json=True)

    async def main():
        await asyncio.gather(*(sink(each) for each in ALL * 5))

    asyncio.run(main())
    assert len([json.loads(line) for line in out.getvalue().splitlines()]) == 5 * len(ALL)


def test_a_console_that_is_gone_is_an_error_so_that_the_event_comes_again():
    out = io.StringIO()
    out.close()
    with pytest.raises(ValueError, match="closed"):
        run(ConsoleSink(out), ALL[0])


# --- several at once ------------------------------------------------------------------------------------


class Recorder:
    """Takes events, and fails as often as it is told."""

    def __init__(self, failures=0):
        self.taken = []
        self.failures = failures

    async def __call__(self, event):
        if self.failures:
            self.failures -= 1
            raise OSError("no space")
        self.taken.append(event.event_id)


def test_each_of_several_sinks_gets_every_event_in_order():
    first, second = Recorder(), Recorder()
    run(fan_out(first, second), *ALL)
    assert first.taken == second.taken == [each.event_id for each in ALL]


def test_when_one_fails_the_others_have_the_event_and_it_is_not_repeated_to_them():
    good, bad = Recorder(), Recorder(failures=2)
    sink = fan_out(good, bad)

    async def main():
        for _ in range(2):
            with pytest.raises(OSError, match="no space"):
                await sink(ALL[0])
        await sink(ALL[0])

    asyncio.run(main())
    assert good.taken == bad.taken == [ALL[0].event_id]


def test_when_several_fail_all_of_them_are_told():
    sink = fan_out(Recorder(), Recorder(failures=1), Recorder(failures=1))
    with pytest.raises(ExceptionGroup, match="2 of 3 sinks failed") as caught:
        run(sink, ALL[0])
    assert [str(error) for error in caught.value.exceptions] == ["no space", "no space"]


def test_an_event_that_all_have_and_that_is_delivered_again_is_handed_on_again():
    good = Recorder()
    run(fan_out(good), ALL[0], ALL[0])
    assert good.taken == [ALL[0].event_id] * 2


def test_when_a_try_is_cancelled_only_those_who_do_not_have_the_event_get_it_again():
    good, slow = Recorder(), Recorder()
    reached, gate = asyncio.Event(), asyncio.Event()

    async def hang(event):
        reached.set()
        await gate.wait()
        await slow(event)

    sink = fan_out(good, hang)

    async def main():
        first = asyncio.ensure_future(sink(ALL[0]))
        await reached.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.set()
        await sink(ALL[0])

    asyncio.run(main())
    assert good.taken == slow.taken == [ALL[0].event_id]


def test_what_is_remembered_of_failures_has_a_bound(monkeypatch):
    monkeypatch.setattr("aegispay.outbox.fan_out._REMEMBERED_MAX", 3)
    sink = fan_out(Recorder(), Recorder(failures=100))

    async def main():
        for event in ALL[:10]:
            with pytest.raises(OSError, match="no space"):
                await sink(event)

    asyncio.run(main())
    assert list(sink._owed) == [each.event_id for each in ALL[7:10]]


@pytest.mark.parametrize("given", [(), ("console",), (Recorder(), None)], ids=["none", "text", "one is none"])
def test_what_cannot_be_called_is_refused(given):
    with pytest.raises(ValidationError, match="sinks"):
        fan_out(*given)
