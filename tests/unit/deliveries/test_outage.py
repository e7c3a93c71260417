from datetime import UTC, datetime, timedelta

from aegispay.domain.deliveries.outage import PAUSE_FIRST_S, PAUSE_MAX_S, Outage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(outage: Outage, *payments: str, at: datetime = NOW, wish_s: float = 0.0) -> Outage:
    for payment_id in payments:
        outage = outage.failed(payment_id, at=at, pause_after=3, subscriber="mailer", wish_s=wish_s)
    return outage


def pause_s(outage: Outage, at: datetime = NOW) -> float:
    assert outage.until is not None
    return (outage.until - at).total_seconds()


def test_several_failing_payments_are_an_outage():
    assert not failed(Outage(), "a", "b").is_paused
    paused = failed(Outage(), "a", "b", "c")
    assert 0.8 * PAUSE_FIRST_S <= pause_s(paused) <= PAUSE_FIRST_S


def test_one_payment_failing_often_is_none():
    assert not failed(Outage(), *["a"] * 100, *["b"] * 100).is_paused


def test_each_probe_in_vain_makes_the_pause_longer_up_to_a_minute():
    outage, at, pauses = failed(Outage(), "a", "b", "c"), NOW, []
    for _ in range(10):
        assert outage.until is not None
        pauses.append(pause_s(outage, at))
        at = outage.until
        outage = failed(outage, "d", at=at)
    assert pauses[0] < pauses[1] < pauses[2] < pauses[3]
    assert all(0.8 * PAUSE_MAX_S <= pause <= PAUSE_MAX_S for pause in pauses[6:])


def test_what_was_under_way_when_the_pause_began_makes_it_no_longer():
    paused = failed(Outage(), "a", "b", "c")
    assert failed(paused, *"defgh") == paused


def test_a_consumer_that_wants_to_be_left_alone_longer_is():
    assert pause_s(failed(Outage(), "a", "b", "c", wish_s=500)) == 500
    paused = failed(Outage(), "a", "b", "c")
    assert pause_s(failed(paused, "d", wish_s=300)) == 300


def test_a_wish_alone_is_no_outage():
    assert not failed(Outage(), "a", wish_s=500).is_paused


def test_pauses_never_overflow():
    outage = Outage(failing=frozenset("abc"), pauses=10**9, until=NOW)
    assert pause_s(failed(outage, "d")) <= timedelta(seconds=PAUSE_MAX_S).total_seconds()
