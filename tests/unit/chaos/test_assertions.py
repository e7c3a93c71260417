"""Each assertion holds on a sound run, and a doctored store or ledger fails exactly the one that is meant to see it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from aegispay import PaymentState
from aegispay.domain import events as e
from aegispay.domain.event_codec import encode
from aegispay.domain.outcome import OutcomeUnknown, Reason
from aegispay.domain.projection import project
from aegispay.gateways.entry import EntryKind, EntryStatus
from aegispay.ports import Doubts, Parking, StoredEvent
from aegispay.storage.chain import GENESIS, link
from aegispay.storage.rows import to_us
from aegispay.testing import run_virtual
from aegispay.testing.assertions import ASSERTIONS, Evidence, assert_sound, gather_evidence, judge
from tests.integration.engine.rig import World, order


@cache
def sound() -> Evidence:
    """A paid, a refunded and a declined payment, and one that waits for its capture."""

    async def run():
        world = World("alpha")
        async with world.engine() as aegis:
            await aegis.pay(**order("paid"))
            refunded = await aegis.pay(**order("refunded"))
            await aegis.refund_payment(refunded.id, idempotency_key="r", amount="40.00")
            await aegis.pay(**order("declined", "tok_declined"))
            await aegis.pay(**order("held", capture="manual"))
        return await gather_evidence(world.store, world.ledger, at=world.clock.now())

    return run_virtual(run())


def failed(evidence, **more):
    return {finding.check for finding in judge(evidence, **more).findings}


def named(evidence, key):
    return next(payment for payment in evidence.payments if payment.idempotency_key == key)


def chained(events) -> tuple[StoredEvent, ...]:
    """Return the events with right positions, versions and hashes: a forger who knows his trade."""
    previous, versions, made = GENESIS, Counter(), []
    for position, stored in enumerate(events, start=1):
        versions[stored.payment_id] += 1
        version = versions[stored.payment_id]
        digest = link(
            previous,
            position=position,
            payment_id=stored.payment_id,
            version=version,
            event_type=stored.event.type,
            schema_version=stored.event.schema_version,
            recorded_at_us=to_us(stored.recorded_at),
            data=encode(stored.event),
        )
        made.append(replace(stored, position=position, version=version, hash=digest.hex()))
        previous = digest
    return tuple(made)


def agreeing(evidence, events) -> Evidence:
    """Return evidence of other events, with the table and the counts that belong to them."""
    made = Evidence(events=chained(events), rows={}, entries=evidence.entries, at=evidence.at)
    return replace(
        made,
        rows={payment.id: project(payment) for payment in made.payments},
        counts=Counter(payment.state for payment in made.payments),
    )


def test_a_sound_run_passes_all_seven():
    judgement = judge(sound(), before=sound(), lines=[])
    assert judgement.findings == ()
    assert judgement.checked == tuple(ASSERTIONS)
    assert (judgement.payments, judgement.events) == (4, len(sound().events))


def test_recovery_is_judged_only_against_something():
    assert "recovery_is_complete" not in judge(sound()).checked


# --- no duplicates, conservation -------------------------------------------------------------------------


def test_a_second_charge_at_another_gateway_is_a_duplicate_and_breaks_conservation():
    paid = named(sound(), "paid")
    again = replace(next(x for x in sound().entries if x.payment_id == paid.id), gateway="beta", reference="another")
    doctored = replace(sound(), entries=(*sound().entries, again))
    assert failed(doctored) == {"no_duplicates", "money_is_conserved"}
    assert {finding.payment_id for finding in judge(doctored).findings} == {paid.id}


def test_two_payments_of_one_key_are_a_duplicate_and_nothing_else():
    evidence = sound()
    declined = named(evidence, "declined")
    twin = [replace(stored, payment_id="pay_twin") for stored in evidence.events if stored.payment_id == declined.id]
    assert failed(agreeing(evidence, (*evidence.events, *twin))) == {"no_duplicates"}


def test_money_for_an_unknown_payment_is_found():
    stray = replace(sound().entries[0], payment_id="pay_stray", reference="stray")
    assert failed(replace(sound(), entries=(*sound().entries, stray))) == {"no_duplicates"}


def test_one_operation_carried_out_twice_is_found():
    refund = next(entry for entry in sound().entries if entry.kind is EntryKind.REFUND)
    assert "no_duplicates" in failed(replace(sound(), entries=(*sound().entries, refund)))


def test_books_that_differ_by_one_minor_unit_break_conservation_and_nothing_else():
    entries = tuple(
        replace(entry, amount_minor=entry.amount_minor - 1) if entry.kind is EntryKind.REFUND else entry
        for entry in sound().entries
    )
    assert failed(replace(sound(), entries=entries)) == {"money_is_conserved"}


def test_a_charge_that_the_books_do_not_have_breaks_conservation():
    paid = named(sound(), "paid")
    entries = tuple(entry for entry in sound().entries if entry.payment_id != paid.id)
    assert [str(finding) for finding in judge(replace(sound(), entries=entries)).findings] == [
        f"{paid.id}: the log says authorized 10000, the books 0",
        f"{paid.id}: the log says captured 10000, the books 0",
    ]


def test_what_was_refused_moved_nothing():
    refused = replace(sound().entries[0], status=EntryStatus.REFUSED, reference="refused")
    assert failed(replace(sound(), entries=(*sound().entries, refused))) == set()


# --- states, table, trail --------------------------------------------------------------------------------


def test_an_event_where_none_may_stand_is_an_illegal_state():
    evidence = sound()
    paid = named(evidence, "paid")
    last = [stored for stored in evidence.events if stored.payment_id == paid.id][-1]
    events = chained((*evidence.events, last))
    assert failed(replace(evidence, events=events)) == {"states_are_valid"}


def test_a_failure_without_evidence_after_an_unknown_outcome_is_a_guess():
    evidence = sound()
    declined = named(evidence, "declined")
    events = []
    for stored in evidence.events:
        if stored.payment_id == declined.id and isinstance(stored.event, e.AttemptFailed):
            doubt = e.OutcomeBecameUnknown(
                at=stored.event.at,
                number=1,
                outcome=OutcomeUnknown(reason=Reason.TIMEOUT),
                checks=0,
                next_check_at=stored.event.at + timedelta(seconds=1),
            )
            events.append(replace(stored, event=doubt))
        events.append(stored)
    found = judge(agreeing(evidence, events)).of("states_are_valid")
    assert [finding.payment_id for finding in found][:1] == [declined.id]


def test_a_table_that_says_something_else_is_inconsistent():
    paid = named(sound(), "paid")
    rows = dict(sound().rows) | {paid.id: replace(sound().rows[paid.id], captured_minor=1)}
    judgement = judge(replace(sound(), rows=rows))
    assert [str(each) for each in judgement.findings] == [
        f"{paid.id}: the table says captured_minor = 1, the log says 10000"
    ]
    assert judgement.findings[0].check == "database_is_consistent"


@pytest.mark.parametrize("key", ["paid", "held"])
def test_a_payment_that_the_table_does_not_list_is_inconsistent(key):
    payment = named(sound(), key)
    rows = {payment_id: row for payment_id, row in sound().rows.items() if payment_id != payment.id}
    assert failed(replace(sound(), rows=rows)) == {"database_is_consistent"}


def test_a_row_without_events_is_inconsistent():
    rows = dict(sound().rows) | {"pay_ghost": next(iter(sound().rows.values()))}
    assert failed(replace(sound(), rows=rows)) == {"database_is_consistent"}


def test_an_open_payment_without_a_timer_is_stuck():
    held = named(sound(), "held")
    rows = dict(sound().rows) | {held.id: replace(sound().rows[held.id], wake_at=None)}
    found = judge(replace(sound(), rows=rows)).of("database_is_consistent")
    assert any("nobody will look at it again" in finding.text for finding in found)


def test_a_timer_that_is_long_overdue_means_that_nobody_looks():
    at = sound().at
    assert at is not None
    evidence = replace(sound(), at=at + timedelta(days=30))
    assert [finding.payment_id for finding in judge(evidence).findings] == [named(evidence, "held").id]
    assert failed(evidence) == {"database_is_consistent"}


@pytest.mark.parametrize(
    "doctor",
    [
        lambda events: (*events[:3], replace(events[3], recorded_at=events[3].recorded_at + timedelta(1)), *events[4:]),
        lambda events: (*events[:-1], replace(events[-1], hash="00" * 32)),
        lambda events: (*events[:-1], replace(events[-1], position=events[-1].position + 1)),
    ],
    ids=["edited", "another hash", "a gap"],
)  # fmt: skip
def test_an_event_that_was_touched_breaks_the_trail_and_nothing_else(doctor):
    assert failed(replace(sound(), events=doctor(sound().events))) == {"trail_is_complete"}


def test_a_removed_event_breaks_the_trail():
    events = sound().events
    assert "trail_is_complete" in failed(replace(sound(), events=(*events[:4], *events[5:])))


# --- recovery, observability -----------------------------------------------------------------------------


def test_a_restart_that_loses_the_last_event_is_no_recovery():
    shorter = agreeing(sound(), sound().events[:-1])
    assert "recovery_is_complete" in failed(shorter, before=sound())


def test_a_restart_that_parks_a_payment_is_no_recovery():
    held = named(sound(), "held")
    assert "recovery_is_complete" in failed(replace(sound(), parked=frozenset({held.id})), before=sound())


def test_a_restart_may_only_add():
    before = agreeing(sound(), sound().events[:-3])
    assert failed(sound(), before=before) == set()


def test_counts_that_differ_from_the_log_are_found():
    counts = Counter(sound().counts) + Counter({PaymentState.SUCCESS: 1})
    assert failed(replace(sound(), counts=counts)) == {"everything_is_observable"}
    doubts = Doubts(payments=1, oldest_since=None, incidents=0)
    assert failed(replace(sound(), doubts=doubts)) == {"everything_is_observable"}


def test_a_parked_payment_that_no_line_names_is_found():
    async def run():
        world = World("alpha")
        async with world.engine() as aegis:
            payment = await aegis.create_payment(**order("parked"))
            await world.store.park(Parking(payment_id=payment.id, cause="a test", parked_at=world.clock.now()))
        return payment.id, await gather_evidence(world.store, world.ledger)

    payment_id, evidence = run_virtual(run())
    assert failed(evidence) == {"everything_is_observable"}  # in the list, but not in the log
    assert payment_id in evidence.parked


# --- the report ------------------------------------------------------------------------------------------


def test_the_report_names_payments_and_promises_for_people_and_machines():
    paid = named(sound(), "paid")
    entries = tuple(entry for entry in sound().entries if entry.payment_id != paid.id)
    judgement = judge(replace(sound(), entries=entries))
    assert f"  FAILED  money is conserved (P1, P2, P5)\n          {paid.id}: the log says" in str(judgement)
    assert "  ok      no duplicates (P1, P4)" in str(judgement)
    data = json.loads(judgement.json())
    assert data["holds"] is False
    assert data["checks"]["money_is_conserved"]["findings"][0]["payment_id"] == paid.id


def test_assert_sound_raises_with_the_report():
    async def run():
        world = World("alpha")
        async with world.engine() as aegis:
            await aegis.pay(**order("paid"))
        assert (await assert_sound(world.store, world.ledger)).holds
        await assert_sound(world.store, [])

    with pytest.raises(AssertionError, match="FAILED  money is conserved"):
        run_virtual(run())
