from __future__ import annotations

from collections import Counter

import pytest

from aegispay.chaos import Burst, Cascade, ChaosPlan, Delay, GatewayError, Window
from aegispay.chaos.draws import Draws, seconds
from aegispay.chaos.injector import Injector, Point
from tests.unit.chaos.rig import Watch, begun, hits

POINT = Point("gateway alpha charge", "pay_1-a1")


def points(number):
    return [Point("gateway alpha charge", f"pay_{each}-a1") for each in range(number)]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_a_rate_is_kept_over_many_places(rate):
    injector = begun(GatewayError(rate=rate))
    struck = sum(hits(injector, point) for point in points(2_000))
    assert abs(struck - 2_000 * rate) <= 4 * (2_000 * rate * (1 - rate)) ** 0.5


def test_the_order_in_which_places_are_passed_does_not_change_what_strikes():
    forward, backward = begun(GatewayError(rate=0.3)), begun(GatewayError(rate=0.3))
    places = points(200) * 2
    first = Counter(point.about for point in places if hits(forward, point))
    second = Counter(point.about for point in reversed(places) if hits(backward, point))
    assert first == second
    assert 0 < first.total() < 400


def test_another_seed_strikes_elsewhere():
    one, two = begun(GatewayError(rate=0.5), seed=1), begun(GatewayError(rate=0.5), seed=2)
    assert [hits(one, point) for point in points(64)] != [hits(two, point) for point in points(64)]


def test_two_faults_at_one_place_draw_apart():
    injector = begun(GatewayError(rate=0.5), GatewayError(rate=0.5))
    struck = [
        tuple(strike.active.place for strike in injector.strikes(injector.of(object), point, lambda _: True))
        for point in points(200)
    ]
    assert set(struck) == {(), ("0",), ("1",), ("0", "1")}


def test_passing_a_place_again_draws_again():
    injector = begun(GatewayError(rate=0.5))
    assert {hits(injector, POINT) for _ in range(50)} == {True, False}


def test_every_third_time_is_every_third_time():
    injector = begun(GatewayError(every=3))
    assert [hits(injector, POINT) for _ in range(7)] == [False, False, True, False, False, True, False]


def test_at_most_so_many_times():
    injector = begun(GatewayError(times=2))
    assert [hits(injector, POINT) for _ in range(4)] == [True, True, False, False]


def test_a_window_opens_and_closes_on_monotonic_time_since_the_beginning():
    watch = Watch()
    injector = begun(GatewayError(window=Window(start_s=10, duration_s=5)), watch=watch)
    struck = {}
    for at_s in (0, 9.9, 10, 14.9, 15, 100):
        watch.at_s = 100.0 + at_s
        struck[at_s] = hits(injector, POINT)
    assert struck == {0: False, 9.9: False, 10: True, 14.9: True, 15: False, 100: False}


def test_nothing_is_injected_before_the_beginning_after_the_end_or_after_a_stop():
    watch = Watch()
    idle = Injector(ChaosPlan(faults=(GatewayError(),)), 7)
    assert not hits(idle, POINT)
    injector = begun(GatewayError(), watch=watch, duration_s=20)
    assert hits(injector, POINT)
    injector.stop()
    assert not hits(injector, POINT)
    ended = begun(GatewayError(), watch=watch, duration_s=20)
    watch.at_s += 20
    assert not hits(ended, POINT)


def test_no_more_is_injected_than_the_plan_allows():
    injector = begun(GatewayError(), injections_max=3)
    assert sum(hits(injector, point) for point in points(10)) == 3


def test_a_plan_within_a_plan_ends_when_it_says():
    watch = Watch()
    inner = ChaosPlan(faults=(GatewayError(),), duration_s=5)
    injector = Injector(ChaosPlan(plans=(inner,), duration_s=50), 7)
    injector.begin(watch)
    assert hits(injector, POINT)
    watch.at_s += 5
    assert not hits(injector, POINT)


def test_a_burst_strikes_the_next_calls_to_that_gateway_and_no_other():
    watch = Watch()
    injector = begun(GatewayError(every=4, times=None, burst=Burst(length=2, within_s=60)), watch=watch)

    def call(gateway):
        strikes = injector.strikes(injector.of(object), POINT, lambda _: True, gateway)
        for strike in strikes:
            injector.record(strike.active, POINT)
            injector.spread(strike, gateway, [])
        return bool(strikes)

    assert [call("alpha") for _ in range(3)] == [False, False, False]
    assert call("alpha")
    assert [call(name) for name in ("beta", "alpha", "alpha", "alpha")] == [False, True, True, False]


def test_a_burst_ends_with_its_time():
    watch = Watch()
    injector = begun(GatewayError(times=1, burst=Burst(length=9, within_s=5)), watch=watch)
    strike = injector.strikes(injector.of(object), POINT, lambda _: True, "alpha")[0]
    injector.spread(strike, "alpha", [])
    assert hits(injector, POINT, gateway="alpha")
    watch.at_s += 5
    assert not hits(injector, POINT, gateway="alpha")


def test_a_cascade_draws_the_others_in_for_its_time_also_where_the_fault_names_one_gateway():
    watch = Watch()
    fault = GatewayError(gateway="alpha", cascade=Cascade(rate=1.0, duration_s=5))
    injector = begun(fault, watch=watch)
    assert not hits(injector, POINT, gateway="beta")
    strike = injector.strikes(injector.of(object), POINT, lambda _: True, "alpha")[0]
    injector.spread(strike, "alpha", ["beta", "gamma"])
    assert hits(injector, POINT, gateway="beta")
    assert hits(injector, POINT, gateway="gamma")
    watch.at_s += 5
    assert not hits(injector, POINT, gateway="beta")


def test_every_injection_is_counted_by_kind_and_point_and_logged(caplog):
    injector = begun(GatewayError())
    with caplog.at_level("WARNING", logger="aegispay.chaos"):
        for point in points(3):
            hits(injector, point)
    assert injector.by_kind == {"gateway_error": 3}
    assert injector.by_point == {"gateway alpha charge": 3}
    assert [each.about for each in injector.injections] == ["pay_0-a1", "pay_1-a1", "pay_2-a1"]
    assert [("chaos_injected" in line, f"pay_{n}-a1" in line) for n, line in enumerate(caplog.messages)] == [
        (True, True)
    ] * 3


def test_delays_stay_within_their_bounds_and_exponential_ones_are_mostly_short():
    uniform = Delay(shortest_s=2, longest_s=5)
    exponential = Delay(distribution="exponential", shortest_s=2, longest_s=5)
    numbers = [(each + 0.5) / 1_000 for each in range(1_000)]
    for delay in (uniform, exponential):
        taken = [seconds(delay, number) for number in numbers]
        assert min(taken) >= 2
        assert max(taken) <= 5
    assert sum(seconds(uniform, number) < 3 for number in numbers) == 333
    assert sum(seconds(exponential, number) < 3 for number in numbers) == 632


def test_streams_are_remembered_up_to_a_bound():
    draws = Draws(7)
    for each in range(50_001):
        draws.passing(f"place {each}")
    assert draws.passing("place 50000") == 1
    assert draws.passing("place 0") == 0
