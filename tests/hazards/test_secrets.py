"""Hazards of secrets: G4 (card data at rest) and G7 (secrets in what objects show) of docs/hazards.md."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegispay import (
    AegisConfig,
    AegisPay,
    AegisPayError,
    Approved,
    CardDataError,
    Declined,
    DeclineKind,
    Notification,
    NotificationKind,
    OutcomeUnknown,
    Payment,
    PaymentState,
    Reason,
    SimulatedGateway,
)
from aegispay.actors import answers
from aegispay.domain.event_codec import _OURS, _WITHOUT_FOREIGN_WORDS, encode
from aegispay.domain.events import Event, OutcomeBecameUnknown
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.fields import PaymentFields, PaymentFilters
from tests.hazards.adapter_words import WORDS, OddError
from tests.hazards.card_numbers import card_number
from tests.hazards.public_inputs import INPUTS, Input, Paid
from tests.hazards.traces import Traces, watched
from tests.integration.engine.rig import Adapter, World, elapse, order, virtual
from tests.samples import EVENTS, INITIATED

FUZZ = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(min_value=0, max_value=2**32)


async def paid(aegis: AegisPay) -> Paid:
    return Paid(
        aegis=aegis,
        captured=await aegis.pay(**order("captured")),
        authorized=await aegis.pay(**order("authorized", capture="manual")),
        doubtful=await aegis.pay(**order("doubtful", token="tok_pending")),
        challenged=await aegis.pay(**order("challenged", token="tok_requires_action")),
    )


async def try_out(each: Input, on: Paid, secret: str, traces: Traces) -> None:
    """Give the input the secret, and keep what comes of it."""
    traces.about = each.name
    try:
        traces.shown(await each.call(on, secret))
    except AegisPayError as error:
        traces.raised(error)
    else:
        if not each.is_read_only:
            traces.taken.append(each.name)


async def give_everywhere(folder: Path, secrets: Mapping[str, str], traces: Traces) -> list[str]:
    """Put each secret into its input; return what leaked, also into the files of the running engine."""
    gateways = [SimulatedGateway("alpha"), Adapter(name="idle")]
    async with AegisPay(folder / "payments.db", gateways=gateways) as aegis:
        on = await paid(aegis)
        for each in INPUTS:
            await try_out(each, on, secrets[each.name], traces)
        traces.shown(await aegis.health())
        return traces.leaks_of(secrets)


@FUZZ
@given(seed=SEEDS)
def test_g4_no_public_input_lets_a_card_number_into_a_file_a_log_line_an_error_or_a_repr(seed, tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("fuzz"), random.Random(seed)
    secrets = {each.name: card_number(source) for each in INPUTS}
    with watched(folder) as traces:
        assert asyncio.run(give_everywhere(folder, secrets, traces)) == []
    assert traces.taken == []
    assert traces.leaks_of(secrets) == []


def parameters_of(method) -> set[str]:
    found = set(inspect.signature(method).parameters) - {"self"}
    if "fields" in found:
        return found - {"fields"} | set(PaymentFields.__annotations__)
    return found - {"filters"} | set(PaymentFilters.__annotations__) if "filters" in found else found


def test_g4_every_parameter_of_every_public_method_is_tried():
    methods = inspect.getmembers(AegisPay, inspect.isfunction)
    public = {name: method for name, method in methods if not name.startswith("_")}
    wanted = {f"{name}.{parameter}" for name, method in public.items() for parameter in parameters_of(method)}
    assert len(wanted) > 60
    assert wanted - {".".join(each.name.split(" ")[0].split(".")[:2]) for each in INPUTS} == set()


LOST = OutcomeUnknown(reason=Reason.CONNECTION_LOST)
PLACES = ("charge", "authorize", "capture", "void", "refund", "lookup", "operation_lookup")


class Talkative(Adapter):
    """An adapter with a card number in what one of its methods says; `has_spoken` once that was asked."""

    def __init__(self, name: str, place: str, word: object) -> None:
        given = {"charge": self._take, "authorize": self._take, place: self._say}
        if place == "lookup":
            given["charge"] = self._lose
        if place == "operation_lookup":
            given["refund"] = self._lose
        super().__init__(name=name, **given)
        self.place = place
        self.has_spoken = asyncio.Event()
        self._word = word

    async def _take(self, request):
        return self.take(request)

    async def _lose(self, request):
        return LOST

    async def _say(self, request):
        self.has_spoken.set()
        if isinstance(self._word, BaseException):
            raise self._word
        return self._word


async def listen(aegis: AegisPay, gateway: Talkative) -> Payment:
    """Make one payment so that the gateway says its word."""
    is_manual = gateway.place in {"authorize", "capture", "void"}
    changes = {"gateway": gateway.name, "capture": "manual" if is_manual else "automatic"}
    payment = await aegis.pay(**order(gateway.name, **changes))
    match gateway.place:
        case "capture":
            await aegis.capture_payment(payment.id, idempotency_key="c")
        case "void":
            await aegis.cancel_payment(payment.id)
        case "refund" | "operation_lookup":
            await aegis.refund_payment(payment.id, idempotency_key="r")
    await gateway.has_spoken.wait()
    return await aegis.get_payment(payment.id)


async def listen_to_all(folder: Path, gateways: list[Talkative], traces: Traces) -> None:
    config = AegisConfig(check_delays_s=(0.01, 3_600.0), wake_interval_s=0.05)
    async with AegisPay(folder / "payments.db", gateways=gateways, config=config) as aegis:
        for payment in await asyncio.gather(*(listen(aegis, gateway) for gateway in gateways)):
            traces.shown((payment, payment.attempts, payment.operations, payment.incidents, payment.failure))
        traces.shown(await aegis.health())


@settings(FUZZ, max_examples=2)
@given(seed=SEEDS)
def test_g4_nothing_that_an_adapter_says_or_raises_lets_a_card_number_through(seed, tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("fuzz"), random.Random(seed)
    named = [f"{place}: {word}" for place in PLACES for word in WORDS]
    secrets = {name: card_number(source) for name in named}
    gateways = [
        Talkative(f"g-{number}", place, WORDS[word](secrets[name]))
        for number, name in enumerate(named)
        for place, word in [name.split(": ")]
    ]
    with watched(folder) as traces:
        asyncio.run(listen_to_all(folder, gateways, traces))
    assert traces.leaks_of(secrets) == []


CVV = "cvv-9731"
"""Three digits cannot be told from any others, so that it is the name of a field that gives a security code away."""
CVV_NAMES = ("cvv", "CVC", "cvv2", "card_cvv", "Card-CVC", "security code", "cvn", "securityCode", "cardNumber")


@pytest.mark.parametrize("name", CVV_NAMES)
@pytest.mark.parametrize("where", ["payment_method", "metadata", "deep in metadata"])
def test_g4_a_security_code_is_refused_under_every_spelling_of_its_name(name, where, tmp_path):
    changes = {
        "payment_method": {"payment_method": {"type": "card", "token": "t", name: CVV}},
        "metadata": {"metadata": {name: CVV}},
        "deep in metadata": {"metadata": {"cards": [{"first": {name: CVV}}]}},
    }[where]

    async def main(traces):
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            with pytest.raises(CardDataError) as caught:
                await aegis.pay(**order(**changes))
            traces.raised(caught.value)
            assert (await aegis.list_payments()).payments == ()

    with watched(tmp_path) as traces:
        asyncio.run(main(traces))
    assert traces.leaks_of({"code": CVV}) == []


class Reading(SimulatedGateway):
    """A gateway whose webhooks say what it is told."""

    def __init__(self, said: object) -> None:
        super().__init__("alpha")
        self._said = said

    async def parse_webhook(self, headers, body):
        if isinstance(self._said, BaseException):
            raise self._said
        return self._said


def notification(**changes: object) -> Notification:
    approved = Approved(reference="r", amount_minor=1, currency="USD")
    fields: dict[str, object] = {
        "id": "evt_1",
        "kind": NotificationKind.CHARGE,
        "reference": "ref-1",
        "outcome": approved,
    }
    return Notification(**(fields | changes))  # type: ignore[arg-type]


TOLD = {f"outcome: {name}": lambda said, word=word: [notification(outcome=word(said))] for name, word in WORDS.items()}
TOLD |= {
    "id": lambda said: [notification(id=said)],
    "reference": lambda said: [notification(reference=said)],
    "kind": lambda said: [notification(kind=said)],
    "a text": lambda said: said,
    "texts": lambda said: [said],
    "raised": OddError,
    "refused": lambda said: WebhookRefusedError("not genuine", reason=RefusedWebhook.SIGNATURE),
}


@pytest.mark.parametrize("name", TOLD)
def test_g4_no_webhook_lets_a_card_number_into_the_inbox(name, tmp_path):
    secret = card_number(random.Random(name))

    async def main(traces):
        said = TOLD[name](secret)
        async with AegisPay(tmp_path / "payments.db", gateways=[Reading(said)]) as aegis:
            headers = {"webhook-id": secret, secret: "x"}
            try:
                traces.shown(await aegis.receive_webhook("alpha", headers, f'{{"card": "{secret}"}}'.encode()))
            except AegisPayError as error:
                traces.raised(error)
            traces.shown(await aegis.metrics())
            assert traces.leaks_of({name: secret}) == []

    with watched(tmp_path) as traces:
        asyncio.run(main(traces))
    assert traces.leaks_of({name: secret}) == []


# --- the last net -----------------------------------------------------------------------------------

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
    assert payment.state is PaymentState.PROCESSING
    assert len({request.idempotency_key for request in odd.requests}) == 1
    assert b"4242" not in written
