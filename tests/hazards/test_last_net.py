"""Hazard G4 of docs/hazards.md at the last place before the disk: no event with a card number is ever written."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from contextlib import closing

import pytest

from aegispay import (
    AegisPayError,
    CardDataError,
    Declined,
    DeclineKind,
    OutcomeUnknown,
    PaymentParkedError,
    PaymentState,
    Reason,
    SqliteStore,
)
from aegispay.actors import answers
from aegispay.domain.event_codec import _OURS, _WITHOUT_FOREIGN_WORDS, encode
from aegispay.domain.events import Event, OutcomeBecameUnknown
from tests.hazards.traces import watched
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual
from tests.samples import EVENTS, INITIATED

PAN = "4242 4242 4242 4242"


def foreign(event: Event) -> list[str]:
    """Return the fields of the event that hold somebody else's words."""
    return [field.name for field in dataclasses.fields(event) if isinstance(getattr(event, field.name), str)]


WORDED = [
    (event, name)
    for event in EVENTS
    for name in foreign(event)
    if type(event) not in _WITHOUT_FOREIGN_WORDS and name not in _OURS and type(getattr(event, name)) is str
]


@pytest.mark.parametrize(("event", "name"), WORDED, ids=lambda part: part if isinstance(part, str) else part.type)
def test_g4_an_event_with_a_card_number_in_any_text_is_not_written(event, name):
    with pytest.raises(CardDataError) as caught:
        encode(dataclasses.replace(event, **{name: f"card {PAN}."}))
    assert caught.value.field == f"{event.type}: {name}"
    assert "4242" not in f"{caught.value!r}{caught.value}"


def test_g4_the_events_that_were_tried_hold_every_kind_of_foreign_words():
    assert {name for _, name in WORDED} == {
        "reason",
        "detail",
        "operator",
        "cause",
        "message",
        "code",
        "evidence",
        "gateway",
        "hook",
        "key",
    }


@pytest.mark.parametrize(
    "said",
    [
        {"note": PAN},
        {"note": "4242\n4242\t4242\r\n4242"},
        {"note": "4242\u20134242\u00a04242\u20154242"},
        {"a": [{"b": 'say "4242-4242-4242-4242"'}]},
        {"a": [{PAN: 1}]},
        {"n": "no backslash, no run: 378282246310005"},
    ],
    ids=repr,
)
def test_g4_a_card_number_that_got_into_a_request_is_not_written_however_it_is_escaped(said):
    request = dataclasses.replace(INITIATED.request)
    object.__setattr__(request, "metadata", said)
    with pytest.raises(CardDataError, match=r"^payment\.initiated: request\.metadata"):
        encode(dataclasses.replace(INITIATED, request=request))


def test_g4_hashes_and_names_of_ours_are_written_whatever_their_digits():
    digits = "4242424242424242"
    assert digits.encode() in encode(dataclasses.replace(INITIATED, fingerprint=f"ab{digits}cd"))
    for event in EVENTS:
        ours = {name: digits for name in foreign(event) if name in {*_OURS, "request_digest"}}
        assert encode(dataclasses.replace(event, **ours)).count(digits.encode()) == len(ours)


def test_g4_a_mismatch_is_written_although_the_gateways_id_looks_like_a_card_number():
    outcome = OutcomeUnknown(reason=Reason.AMOUNT_MISMATCH, code=PAN, message="asked for 1, approved 2")
    event = next(event for event in EVENTS if isinstance(event, OutcomeBecameUnknown))
    assert PAN.encode() in encode(dataclasses.replace(event, outcome=outcome))
    with pytest.raises(CardDataError, match=r"outcome\.code"):
        encode(dataclasses.replace(event, outcome=dataclasses.replace(outcome, reason=Reason.TIMEOUT)))


@virtual
async def test_g4_behind_an_adapters_answer_that_was_not_checked_the_last_net_holds(monkeypatch):
    monkeypatch.setattr(answers, "mask_card_numbers", lambda text: text)
    world = World("beta")
    odd = Adapter(Declined(kind=DeclineKind.HARD, reason=Reason.DO_NOT_HONOR, message=PAN), clock=world.clock)
    async with world.engine(odd, answer_timeout_s=5) as aegis:
        with pytest.raises(AegisPayError):
            await aegis.pay(**order(gateway="odd"))
        await elapse(3_600)
        payment = await aegis.get_payment((await aegis.list_payments()).payments[0].id)
        written = b"".join(encode(stored.event) for stored in await aegis.payment_events(payment.id))
        assert (await aegis.pay(**order("other", gateway="beta"))).state is PaymentState.SUCCESS
    assert payment.failure is not None
    assert payment.failure.reason is Reason.NEVER_RECEIVED
    assert len({request.idempotency_key for request in odd.requests}) == 1
    assert b"4242" not in written


# --- what is written beside events ------------------------------------------------------------------

TEXTS = {
    "events": {"payment_id", "type", "data"},
    "payments": {
        *("payment_id", "merchant", "idempotency_key", "state", "currency", "customer_id", "method", "gateway"),
    },
    "parking": {"payment_id", "cause"},
    "recoveries": {"payment_id"},
    "gateways": {"name", "data"},
    "subscribers": {"name", "kind", "disabled"},
    "deliveries": {"subscriber", "payment_id", "state", "error"},
    "webhook_attempts": {"endpoint", "event_id", "error"},
    "webhook_inbox": {"gateway", "notification_id", "digest", "data", "state"},
    "meta": {"name"},
    "marks": {"key", "payment_id"},
    "configurations": {"operator", "reason", "data", "digest"},
    "customer_keys": {"merchant", "customer_id"},
    "erasures": {"merchant", "customer_id", "operator", "reason"},
}
"""What could hold a card number. Names, keys, settings and reasons are checked where they are given, notifications
where they are read, causes are names of types, keys of marks are keyed hashes, errors of deliveries are masked where
they are caught; the rest is the engine's own.
"""


def test_g4_no_column_for_text_was_added_without_a_thought_for_card_numbers(tmp_path):
    async def make():
        store = SqliteStore(tmp_path / "payments.db")
        await store.open()
        await store.close()

    asyncio.run(make())
    with closing(sqlite3.connect(tmp_path / "payments.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = {name: database.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
    texts = {name: {column[1] for column in found if column[2] == "TEXT"} for name, found in columns.items()}
    assert {name: found for name, found in texts.items() if not name.startswith("sqlite_")} == TEXTS


@virtual
async def test_g4_a_payment_set_aside_after_a_crash_names_the_kind_of_the_error_and_not_its_text(tmp_path):
    world = World()

    def crash(point):
        raise RuntimeError(f"could not write {PAN}")

    async with world.engine() as aegis:
        created = await aegis.create_payment(**order())
        world.store.faults = crash
        with watched(tmp_path) as traces:
            with pytest.raises(PaymentParkedError) as caught:
                await aegis.process_payment(created.id)
            world.store.faults = None
            await elapse(60)
            traces.raised(caught.value)
            traces.shown(await aegis.health())
            (parking,) = (await aegis.health()).parked
    assert parking.cause == "its actor kept crashing with RuntimeError"
    assert traces.leaks_of({"text": PAN}) == []
