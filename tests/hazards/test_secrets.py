"""Hazards of secrets: G4 (card data at rest) and G7 (secrets in what objects show) of docs/hazards.md."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegispay import (
    AegisPay,
    AegisPayConfig,
    AegisPayError,
    Approved,
    BlockingAegisPay,
    Card,
    CardDataError,
    Notification,
    NotificationKind,
    OutcomeUnknown,
    Payment,
    Reason,
    SimulatedGateway,
    SqliteStore,
)
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.fields import PaymentFields, PaymentFilters, RouteFields
from aegispay.gateways.sandbox import SandboxGateway
from aegispay.vault import InMemoryVault, RawCard
from tests.hazards.adapter_words import WORDS, OddError, Word
from tests.hazards.card_numbers import card_number
from tests.hazards.outbox_inputs import OUTBOX_INPUTS
from tests.hazards.public_inputs import INPUTS, Input, Paid
from tests.hazards.traces import Traces, watched
from tests.integration.engine.rig import Adapter, order

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
    # Shorter ones are amounts of money where an amount is asked for.
    secrets = {each.name: card_number(source, digits_min=16 if "amount" in each.name else 13) for each in INPUTS}
    with watched(folder) as traces:
        assert asyncio.run(give_everywhere(folder, secrets, traces)) == []
    assert traces.taken == []
    assert traces.leaks_of(secrets) == []


def parameters_of(method) -> set[str]:
    found = set(inspect.signature(method).parameters) - {"self"}
    if "RouteFields" in str(inspect.signature(method)):
        return found - {"fields"} | set(RouteFields.__annotations__)
    if "fields" in found:
        return found - {"fields"} | set(PaymentFields.__annotations__)
    return found - {"filters"} | set(PaymentFilters.__annotations__) if "filters" in found else found


def test_g4_every_parameter_of_every_public_method_is_tried():
    methods = inspect.getmembers(AegisPay, inspect.isfunction)
    public = {name: method for name, method in methods if not name.startswith("_")}
    wanted = {f"{name}.{parameter}" for name, method in public.items() for parameter in parameters_of(method)}
    assert len(wanted) > 60
    tried = {".".join(each.name.split(" ")[0].split(".")[:2]) for each in (*INPUTS, *OUTBOX_INPUTS)}
    assert wanted - tried == set()


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
    config = AegisPayConfig(check_delays_s=(0.01, 3_600.0), wake_interval_s=0.05)
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
    return Notification(**(fields | changes))


def _reported(word: Word) -> Word:
    return lambda said: [notification(outcome=word(said))]


TOLD: dict[str, Word] = {f"outcome: {name}": _reported(word) for name, word in WORDS.items()}
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


# --- what objects show ------------------------------------------------------------------------------

SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0"


def shown_by(thing: object) -> str:
    return f"{thing!r} {thing} {[thing]!r} {format(thing)}"


def test_g7_no_object_of_the_public_face_shows_a_secret_it_was_given(tmp_path):
    vault = InMemoryVault()
    raw = RawCard(number="4242424242424242", expiry_month=12, expiry_year=2031, cvc="973")
    token = asyncio.run(vault.store(raw))
    gateway = SandboxGateway(
        "sandbox", url="http://127.0.0.1:1", api_key=f"key_{SECRET}", vault=vault, webhook_secret=f"whsec_{SECRET}"
    )
    simulated = SimulatedGateway("alpha", webhook_secret=f"whsec_{SECRET}")
    engines = [made(tmp_path / "payments.db", gateways=[gateway, simulated]) for made in (AegisPay, BlockingAegisPay)]
    things = [vault, raw, gateway, simulated, Card(token=token), AegisPayConfig(), *engines]
    said = "".join(map(shown_by, things)) + AegisPayConfig().model_dump_json()
    for secret in (SECRET, token, "4242424242424242", "973"):
        assert secret not in said


def test_g7_a_store_does_not_show_the_salt_that_payment_ids_are_derived_with(tmp_path):
    async def main():
        store = SqliteStore(tmp_path / "payments.db")
        await store.open()
        try:
            return store.salt, shown_by(store)
        finally:
            await store.close()

    salt, said = asyncio.run(main())
    assert salt.hex() not in said
    assert repr(salt)[2:-1] not in said


@pytest.mark.parametrize(
    "made", [InMemoryVault, lambda: RawCard(number="4242424242424242", expiry_month=1, expiry_year=2031)]
)
def test_g7_what_holds_cards_is_never_pickled(made):
    with pytest.raises(TypeError):
        pickle.dumps(made())
