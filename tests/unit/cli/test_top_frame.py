"""Frames of `aegispay top` as text: every line fits, what is in trouble comes first, and nothing is invented."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from aegispay.cli.top_facts import curve, duration, facts
from aegispay.cli.top_frame import Room, frame, room_of
from aegispay.cli.top_view import Presence
from aegispay.domain.breaker import BreakerState
from aegispay.ports import Doubts
from tests.unit.cli.views import subscriber, view, view_without_engine
from tests.unit.status.pictures import NOW, GatewayPicture, picture


def shown(seen, columns=80, **room):
    console = Console(file=io.StringIO(), width=columns, highlight=False, markup=False, emoji=False)
    console.print(frame(seen, Room(columns=columns, **room)))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def words(seen, columns=80):
    return " ".join(" ".join(shown(seen, columns)).split())


EIGHTY = """\
aegispay top  payments.db                                2026-03-01 12:00:00 UTC

engine     process 4711 on shop-1, up 2 h 13 min
lately     1,234 payments/s  4,938 events/s  ▇██▁▂▃▄▅▆▇██▁▂▃▄▅▆▇██▁▂▃  1 min
outcome    93.8% paid since it began  210 retried  ends in p50 310 ms p95 1.2 s
           failed by do_not_honor 40  risk_refused 12  expired_card 5
           invalid_cvv 2
commits    95.7/s  12.9 writes each  p50 1.4 ms p95 9.8 ms
payments   processing 12  success 25,700  failure 353
unknown    2 in doubt, the oldest for 3 min 10 s  1 with incidents
set aside  2 parked for crashing  1 waiting for a review
inside     12 requests  10 gateway calls  1,310 actors
mail       payments 4 waiting  2 refused
restarts   payments 3  (crashes: payments 3)

gateway           breaker   health  success         p95  calls  busy  refused
─────────────────────────────────────────────────────────────────────────────
beta-of-a-very-…  open        0.12    41.0%  1 min 15 s    210     0   12,345
gamma             disabled    1.00        -           -      0     0        0
alpha             closed      0.99    99.8%      310 ms  1,300    10        0

subscriber        state     kind                 lag  lag age  waiting  dead
────────────────────────────────────────────────────────────────────────────
ledger            paused    handler        1,234,567  1 d 2 h       29     3
left-alone        absent    transactional          5      2 s        0     0
https-endpoint-…  disabled  webhook                0        -        0     0
mailer            running   handler                0        -        0     0
"""


def test_a_frame_of_80_columns():
    assert shown(view()) == EIGHTY.splitlines()


def test_a_frame_of_120_columns_has_the_facts_in_two_columns_and_more_about_each_row():
    lines = shown(view(), 120)
    assert len(lines) < len(shown(view()))
    assert re.match(
        r"engine +process 4711 on shop-1, up 2 h 13 min +unknown +2 in doubt, the oldest for 3 min 10 s", lines[2]
    )
    text = "\n".join(lines)
    assert re.search(r"beta-of-a-very-… +open .* 0/0 +12,345 +- +- +no +capture refund$", text, re.MULTILINE)
    assert re.search(r"alpha +closed .* 10/256 +0 +200 ms +91.0% +yes +-$", text, re.MULTILINE)
    assert re.search(r"ledger +paused .* 29 +3 +0 +7 +0$", text, re.MULTILINE)
    assert re.search(r"left-alone +absent .* - +- +-$", text, re.MULTILINE)


@pytest.mark.parametrize("columns", [10, 40, 71, 72, 80, 100, 117, 118, 120, 200])
@pytest.mark.parametrize(
    "seen",
    [
        view(),
        view(picture(halted="EngineFailedError", lately=None, payments={}, failures={}), database="x" * 300),
        view(picture(host="h" * 300, payments=dict.fromkeys(map(str, range(60)), 10**9))),
        view_without_engine(),
    ],
    ids=["busy", "halted", "long", "none"],
)
def test_every_line_fits_whatever_the_width(columns, seen):
    assert max(map(cell_len, shown(seen, columns))) <= columns


def test_a_screen_too_narrow_for_tables_gets_a_line_per_gateway_and_subscriber():
    text = words(view(), 60)
    assert "─" not in text
    assert "payments.db: running engine: process 4711 on shop-1" in text
    assert "gateway beta-of-a-very-…: breaker open health 0.12" in text
    assert "subscriber ledger: state paused kind handler lag 1,234,567" in text


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_without_an_engine_only_what_the_file_knows_is_shown(columns):
    said = "no engine runs: process 4711 on shop-1 ended or hangs, last seen 9 min ago"
    text = words(view_without_engine(said, Presence.SILENT), columns)
    assert "no engine runs: process 4711" in text
    assert "success 25,700" in text
    assert "2 in doubt, the oldest for 3 min 10 s" in text
    assert "ledger" in text
    absent = ("lately", "commits", "restarts", "gateway", "running", "paused", "absent")
    assert [word for word in absent if word in text] == []


def test_a_database_without_payments_shows_a_short_frame():
    nothing = view_without_engine(
        states={}, doubts=Doubts(payments=0, oldest_since=None, incidents=0), parked=0, reviews=0, subscribers=()
    )
    assert shown(nothing)[2:] == [
        "engine     no engine runs, or one whose status_interval_s is 0",
        "payments   none yet",
        "unknown    0 in doubt  0 with incidents",
        "set aside  0 parked for crashing  0 waiting for a review",
    ]


def styles(seen):
    return {fact.topic: fact.style for fact in facts(seen)}


def test_what_wants_attention_is_coloured_and_what_does_not_is_not():
    calm = view(
        picture(actors=picture().actors.model_copy(update={"refused": 0, "restarts": {}})),
        doubts=Doubts(payments=0, oldest_since=None, incidents=0), parked=0, reviews=0,
    )  # fmt: skip
    assert {topic: style for topic, style in styles(calm).items() if style} == {"engine": "green"}
    alarmed = styles(view(picture(halted="FencedError")))
    assert {topic: style for topic, style in alarmed.items() if style} == {
        "engine": "red", "unknown": "red", "set aside": "red", "mail": "yellow", "restarts": "yellow",
    }  # fmt: skip
    assert styles(view_without_engine())["engine"] == "yellow"


def test_a_halted_engine_and_one_that_recovers_say_so():
    assert "HALTED by EngineFailedError: takes no commands" in words(view(picture(halted="EngineFailedError")))
    assert "recovering 1,234 payments of the last run" in words(view(picture(recovering=1_234)))


def test_rows_without_room_are_counted_and_the_healthy_ones_are_left_out():
    many = tuple(
        GatewayPicture(name=f"g{n:02}", is_enabled=True, health=1 - n / 100,
                       breaker=BreakerState.OPEN if n == 3 else BreakerState.CLOSED)
        for n in range(20)
    )  # fmt: skip
    names = tuple(subscriber(f"s{n:02}", lag_events=n) for n in range(9))
    lines = shown(view(picture(gateways=many), subscribers=names), rows=3)
    starts = [line.split()[0] for line in lines if re.match(r"[gs]\d\d ", line)]
    assert starts == ["g03", "g19", "g18", "s08", "s07", "s06"]
    assert [line for line in lines if line.endswith("more")] == ["and 17 more", "and 6 more"]


def test_the_height_of_a_live_screen_limits_the_rows():
    console = Console(file=io.StringIO(), width=100, height=41)
    assert room_of(console, is_live=True) == Room(columns=100, rows=10)
    assert room_of(console, is_live=False) == Room(columns=100, rows=1_000)
    assert room_of(Console(file=io.StringIO(), width=100, height=10), is_live=True).rows == 3


def test_names_from_outside_reach_the_terminal_as_text():
    evil = GatewayPicture(name="[red]\x1b[2J", is_enabled=True, health=1.0, breaker=BreakerState.CLOSED)
    seen = view(picture(host="a\x1b]0;x\x07b", gateways=(evil,)), subscribers=(subscriber("s\nx"),))
    text = "\n".join(shown(seen, 120))
    assert "\x1b" not in text
    assert r"[red]\x1b[2J" in text
    assert r"a\x1b]0;x\x07b" in text
    assert r"s\nx" in text


@pytest.mark.parametrize(
    ("values", "drawn"),
    [((), ""), ((0.0, 0.0), "▁▁"), ((5.0,), "█"), ((0.0, 1.0, 2.0, 4.0, 8.0), "▁▂▃▅█"), ((-1.0, 8.0), "▁█"),
     (range(40), None)],
)  # fmt: skip
def test_the_curve_has_one_bar_per_value(values, drawn):
    found = curve(values, "▁▂▃▄▅▆▇█")
    assert found == drawn if drawn is not None else len(found) == 24


def test_a_screen_without_bars_gets_a_curve_of_other_characters():
    (lately,) = (fact for fact in facts(view(), ascii_only=True) if fact.topic == "lately")
    assert lately.words.isascii()
    assert Text(lately.words).cell_len < 80


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "-"), (0.0, "0.0 ms"), (0.00149, "1.5 ms"), (0.31, "310 ms"), (1.25, "1.2 s"), (75.0, "1 min 15 s")],
)
def test_durations_have_their_unit(seconds, said):
    assert duration(seconds) == said


def test_the_time_of_the_view_is_shown():
    assert shown(view())[0].endswith(f"{NOW:%Y-%m-%d %H:%M:%S} UTC")
