"""Bad input to what comes after the charge: a clear refusal each, and nothing has changed."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from aegispay import (
    CardDataError,
    PaymentNotFoundError,
    UnknownGatewayError,
    ValidationError,
)
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.gateways.script import Fault
from tests.integration.engine.books import MUTE, agreed, authorized, charged
from tests.integration.engine.rig import World, order, virtual

PAN = "4242424242424242"

AMOUNTS = [
    ("-5.00", "must not be negative"),
    (-0.01, "must not be negative"),
    (Decimal("-1"), "must not be negative"),
    ("0", "must be more than 0"),
    ("0.00", "must be more than 0"),
    (0, "must be more than 0"),
    ("nan", "must be a finite number"),
    (math.nan, "must be a finite number"),
    (math.inf, "must be a finite number"),
    ("10.001", "USD has 2 decimals"),
    (1e-7, "USD has 2 decimals"),
    (True, 'use a number such as "100.00"'),
    (False, 'use a number such as "100.00"'),
    ("1,000.00", 'use a number such as "100.00"'),
    ("", 'use a number such as "100.00"'),
    (b"10", 'use a number such as "100.00"'),
    ([], 'use a number such as "100.00"'),
    ({"amount": 1}, 'use a number such as "100.00"'),
    (10**400, "must be at most"),
    ("1e400", "must be at most"),
]
KEYS = [
    ("", "must not be empty"),
    ("   ", "must not be empty"),
    ("k" * 256, "at most 255 characters"),
    ("a\nb", "no control characters"),
    (17, "must be a text"),
    (None, "must be a text"),
    (b"key", "must be a text"),
    ([], "must be a text"),
]
CURRENCIES = ["EUR", "usd", "", "US", 840, [], b"USD", True]


async def capture(aegis, payment_id, **given):
    return await aegis.capture_payment(payment_id, **({"idempotency_key": "k"} | given))


async def refund(aegis, payment_id, **given):
    return await aegis.refund_payment(payment_id, **({"idempotency_key": "k"} | given))


async def cancel(aegis, payment_id, **given):
    return await aegis.cancel_payment(payment_id, **given)


async def complete(aegis, payment_id, **given):
    return await aegis.complete_action(payment_id, **given)


async def resolve(aegis, payment_id, **given):
    fields = {"verdict": "executed", "evidence": "seen", "operator": "mira"} | given
    return await aegis.resolve_payment(payment_id, fields.pop("verdict"), **fields)


async def close_incident(aegis, payment_id, **given):
    fields = {"incident_id": "i", "operator": "mira", "detail": "seen"} | given
    return await aegis.close_incident(payment_id, fields.pop("incident_id"), **fields)


async def unpark(aegis, payment_id, **given):
    return await aegis.unpark_payment(payment_id, **({"operator": "mira"} | given))


METHODS = [capture, refund, cancel, complete, resolve, close_incident, unpark]


async def payment_for(world, aegis, method):
    """Return a payment on which the method would do something if the input were good."""
    match method.__name__:
        case "capture" | "cancel":
            return await authorized(aegis)
        case "refund":
            return await charged(aegis)
        case "complete":
            return await aegis.pay(**order(token="tok_requires_action"))
        case "unpark":
            payment = await charged(aegis)
            await aegis._assembly.parking.park(payment.id, cause="poison")
            return await aegis.get_payment(payment.id)
        case _:
            world["alpha"].script("charge", Fault.WRONG_AMOUNT)
            return await aegis.pay(**order())


async def refused(method, kind, *, match=None, **given):
    """Return the error, after checking that nothing has changed and no gateway was asked."""
    world = World(contract=MUTE)
    async with world.engine() as aegis:
        before = await payment_for(world, aegis, method)
        calls = world["alpha"].calls
        with pytest.raises(kind, match=match) as caught:
            await method(aegis, before.id, **given)
        assert await aegis.get_payment(before.id) == before
        assert len(await aegis.payment_events(before.id)) == before.version
        assert world["alpha"].calls == calls
        assert caught.value.hint
        return caught.value


@pytest.mark.parametrize(("amount", "advice"), AMOUNTS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("method", [capture, refund])
@virtual
async def test_an_amount_that_is_none_is_refused(method, amount, advice):
    error = await refused(method, ValidationError, match=advice, amount=amount)
    assert [each.field for each in error.errors] == ["amount"]


@pytest.mark.parametrize("currency", CURRENCIES, ids=repr)
@pytest.mark.parametrize("method", [capture, refund])
@virtual
async def test_another_currency_than_the_payments_is_refused(method, currency):
    error = await refused(method, ValidationError, match="the payment is in USD", amount="1.00", currency=currency)
    assert [each.field for each in error.errors] == ["currency"]


@pytest.mark.parametrize(("key", "advice"), KEYS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("method", [capture, refund, cancel])
@virtual
async def test_a_key_that_is_none_is_refused(method, key, advice):
    if method is cancel and key is None:
        return
    error = await refused(method, ValidationError, match=advice, idempotency_key=key)
    assert [each.field for each in error.errors] == ["idempotency_key"]


@pytest.mark.parametrize("flag", [0, 1, "true", None, [], "False"], ids=repr)
@virtual
async def test_whether_a_capture_is_final_is_said_with_true_or_false(flag):
    error = await refused(capture, ValidationError, is_final=flag)
    assert [each.field for each in error.errors] == ["is_final"]


WORDS = [("x" * 501, "at most 500"), ("a\x00b", "no control characters"), (7, "must be a text"), (" ", "not be empty")]


@pytest.mark.parametrize(("words", "advice"), WORDS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    ("method", "field"), [(refund, "reason"), (cancel, "reason"), (resolve, "evidence"), (close_incident, "detail")]
)
@virtual
async def test_words_that_cannot_be_kept_are_refused(method, field, words, advice):
    error = await refused(method, ValidationError, match=advice, **{field: words})
    assert [each.field for each in error.errors] == [field]


@pytest.mark.parametrize("name", ["", "x" * 101, None, 7, "a\nb"], ids=lambda value: repr(value)[:10])
@pytest.mark.parametrize("method", [resolve, close_incident, unpark])
@virtual
async def test_an_operator_has_a_name(method, name):
    error = await refused(method, ValidationError, operator=name)
    assert [each.field for each in error.errors] == ["operator"]


@pytest.mark.parametrize("words", ["", None, 7, "a\nb"], ids=repr)
@pytest.mark.parametrize(("method", "field"), [(resolve, "evidence"), (close_incident, "detail")])
@virtual
async def test_what_an_operator_says_rests_on_something(method, field, words):
    error = await refused(method, ValidationError, **{field: words})
    assert [each.field for each in error.errors] == [field]


@pytest.mark.parametrize("field", ["reference", "gateway_reference"])
@pytest.mark.parametrize("value", ["", "x" * 256, 7, [], "a\tb"], ids=lambda value: repr(value)[:10])
@virtual
async def test_a_reference_that_is_none_is_refused(field, value):
    error = await refused(resolve, ValidationError, **{field: value})
    assert [each.field for each in error.errors] == [field]


@pytest.mark.parametrize("incident_id", ["", None, 7, [], "a\nb"], ids=repr)
@virtual
async def test_an_incident_id_that_is_none_is_refused(incident_id):
    error = await refused(close_incident, ValidationError, incident_id=incident_id)
    assert [each.field for each in error.errors] == ["incident_id"]


PARAMETERS = [
    [],
    "cres=1",
    7,
    {"a": 1},
    {1: "a"},
    {"a": None},
    {"a": b"x"},
    {"a": "x" * 16_385},
    {"x" * 16_385: "a"},
    {f"p{n}": "x" for n in range(65)},
    [("a", "b")],
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda value: repr(value)[:20])
@virtual
async def test_what_the_payer_brought_has_limits_and_is_never_shown(parameters):
    error = await refused(complete, ValidationError, match="at most 64 strings", parameters=parameters)
    assert [each.value for each in error.errors] == [None]


CARD_PLACES = [
    (capture, "idempotency_key"),
    (capture, "amount"),
    (capture, "currency"),
    (refund, "idempotency_key"),
    (refund, "amount"),
    (refund, "currency"),
    (refund, "reason"),
    (cancel, "idempotency_key"),
    (cancel, "reason"),
    (resolve, "verdict"),
    (resolve, "evidence"),
    (resolve, "operator"),
    (resolve, "reference"),
    (resolve, "gateway_reference"),
    (close_incident, "incident_id"),
    (close_incident, "operator"),
    (close_incident, "detail"),
    (unpark, "operator"),
]


@pytest.mark.parametrize("number", [PAN, "4242 4242 4242 4242", f"card {PAN}."])
@pytest.mark.parametrize(("method", "field"), CARD_PLACES, ids=lambda value: getattr(value, "__name__", value))
def test_a_card_number_is_refused_everywhere_and_not_repeated(method, field, number, caplog):
    caplog.set_level("DEBUG")

    @virtual
    async def run():
        error = await refused(method, (CardDataError, ValidationError), **{field: number})
        shown = f"{error!r} {error} {error.hint} {error.__dict__}"
        assert PAN not in "".join(filter(str.isalnum, shown))

    run()
    assert PAN not in "".join(filter(str.isalnum, caplog.text))


UNKNOWN = ["pay_" + "0" * 25, "", "pay_x", PAN, "x" * 10_000, None, 7, [], b"pay", "pay_1; DROP TABLE events"]


@pytest.mark.parametrize("payment_id", UNKNOWN, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
@virtual
async def test_a_payment_that_does_not_exist_is_said_not_to(method, payment_id):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(PaymentNotFoundError) as caught:
            await method(aegis, payment_id)
        assert PAN not in str(caught.value)
        assert (await aegis.list_payments()).payments == (before,)
        await agreed(world, aegis, before.id)


@pytest.mark.parametrize("name", ["beta", "", "x" * 10_000, PAN, None, 7, [], {}, b"alpha"], ids=lambda v: repr(v)[:20])
@virtual
async def test_a_webhook_of_a_gateway_that_does_not_exist_is_refused(name):
    world = World()
    async with world.engine() as aegis:
        with pytest.raises(UnknownGatewayError, match="is not registered") as caught:
            await aegis.receive_webhook(name, {}, b"{}")
        assert PAN not in str(caught.value)
        assert len(str(caught.value)) < 200


WEBHOOKS = [
    ({}, b"", RefusedWebhook.SIGNATURE),
    ({}, b"{}", RefusedWebhook.SIGNATURE),
    ({}, b"\xff" * 100, RefusedWebhook.SIGNATURE),
    ({}, b"[" * 100_000, RefusedWebhook.SIGNATURE),
    ({}, b"x" * 1_000_001, RefusedWebhook.TOO_LARGE),
    ({}, b"x" * 10_000_000, RefusedWebhook.TOO_LARGE),
    ({}, "{}", RefusedWebhook.UNREADABLE),
    ({}, None, RefusedWebhook.UNREADABLE),
    (None, b"{}", RefusedWebhook.UNREADABLE),
    ([("a", "b")], b"{}", RefusedWebhook.UNREADABLE),
    ({"a": 1}, b"{}", RefusedWebhook.UNREADABLE),
    ({b"a": "1"}, b"{}", RefusedWebhook.UNREADABLE),
]


@pytest.mark.parametrize(("headers", "body", "reason"), WEBHOOKS, ids=lambda value: repr(value)[:20])
@virtual
async def test_a_webhook_that_is_none_is_refused_and_nothing_is_kept(headers, body, reason):
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        with pytest.raises(WebhookRefusedError) as caught:
            await aegis.receive_webhook("alpha", headers, body)
        assert caught.value.reason is reason
        assert await world.store.inbox_due(world.clock.now()) == ()
        assert await agreed(world, aegis, before.id) == before


@virtual
async def test_a_signed_webhook_that_is_cut_off_forged_or_old_is_refused():
    world = World()
    async with world.engine() as aegis:
        before = await charged(aegis)
        (said,) = world["alpha"].notifications()
        headers, body = world["alpha"].webhook(said)
        forged, _ = world["alpha"].webhook(said, secret="guess")
        old, _ = world["alpha"].webhook(said, sent_at=before.created_at.replace(year=2025))
        for given, sent in ((headers, body[:-1]), (headers, body + b" "), (forged, body), (old, body)):
            with pytest.raises(WebhookRefusedError):
                await aegis.receive_webhook("alpha", given, sent)
        assert await agreed(world, aegis, before.id) == before
        assert await world.store.inbox_due(world.clock.now()) == ()
