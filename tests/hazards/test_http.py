"""The hazards of talking to a provider over HTTP, each with the promise that keeps it away."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegispay.domain.metadata import parse_metadata
from aegispay.domain.money import Money, currencies
from aegispay.domain.outcome import Executed, OutcomeUnknown, Reason
from aegispay.domain.payment_method import Card
from aegispay.domain.request import CaptureMode
from aegispay.domain.resolution import may_resend
from aegispay.domain.state import OperationKind
from aegispay.gateways.http.phase import Phase, outcome_of_phase
from aegispay.sandbox.settings import SandboxSettings
from aegispay.vault import InMemoryVault, RawCard
from tests.integration.sandbox_gateway.payloads import (
    ask,
    charge_request,
    error,
    gateway,
    manual_request,
    operation,
    operation_request,
    outcome,
    payment,
    sent,
)
from tests.unit.gateways.http.provider import always, provider, response

MUTATIONS = {
    "charge": (charge_request(), payment()),
    "authorize": (manual_request(), payment("authorized")),
    "capture": (operation_request(OperationKind.CAPTURE), operation("capture")),
    "void": (operation_request(OperationKind.VOID), operation("void")),
    "refund": (operation_request(OperationKind.REFUND), operation("refund")),
}
LOOKUPS = {
    "fetch_payment": (charge_request(), {"data": [payment()]}),
    "fetch_operation": (operation_request(), {"data": [operation()]}),
}


def is_unknown(answer):
    return isinstance(answer, OutcomeUnknown) and answer.executed is Executed.UNKNOWN


# --- A4: what is not definite is unknown ------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 511, 520, 521, 524, 530, 598, 599])
@pytest.mark.parametrize("method", MUTATIONS)
def test_a4_a_status_that_leaves_open_what_happened_is_unknown(method, status):
    request, done = MUTATIONS[method]
    for body in (done, error("failed"), b"<html>", b""):
        said = response(body, status, raw=isinstance(body, bytes))
        assert is_unknown(ask(method, request, said)[0])


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize("method", MUTATIONS)
def test_a4_a_success_that_cannot_be_read_is_unknown(method, status):
    request, done = MUTATIONS[method]
    whole = response(done, status)
    bodies = [b"", b"OK", b"null", b"[]", b"{}", b'{"error":{"code":"declined"}}', b'{"object":"payment"}']
    for said in [response(body, status, raw=True) for body in bodies]:
        assert is_unknown(ask(method, request, said)[0])
    for length in (len(whole) - 1, len(whole) - 100):
        assert is_unknown(ask_once(method, request, whole[:length]))


def ask_once(method, request, said):
    """Ask a provider that closes after these bytes."""

    async def scenario():
        async with provider(always(said, keep=False)) as server:
            asked = gateway(server.url)
            answer = await getattr(asked, method)(request)
            await asked.aclose()
            return answer

    return asyncio.run(scenario())


CONTRADICTIONS = {
    "captured nothing": payment(captured_amount=0),
    "captured more than authorized": payment(captured_amount=1_001),
    "refunded more than captured": payment(refunded_amount=1_001),
    "authorized nothing": payment("authorized", authorized_amount=0),
    "declined with money": payment("declined", authorized_amount=1_000, captured_amount=1_000),
    "processing with money": payment("processing", authorized_amount=1_000, captured_amount=1_000),
    "waiting for nothing": payment("requires_action"),
    "waiting at no address": payment(
        "requires_action",
        next_action={"type": "redirect", "url": "javascript:alert(1)", "expires_at": "2026-01-01T00:00:00Z"},
    ),
    "deadline without time zone": payment(
        "requires_action",
        next_action={"type": "redirect", "url": "https://x.example", "expires_at": "2026-01-01T00:00:00"},
    ),
    "another payment": payment(reference="pay_2-a1"),
    "a state nobody knows": payment("paid"),
    "no id": payment(id=""),
    "an id that cannot be shown": payment(id="sp_\n1"),
    "an endless id": payment(id="s" * 256),
    "an amount as text": payment(captured_amount="1000"),
    "an amount with decimals": payment(captured_amount=1_000.0),
    "a truth as amount": payment(authorized_amount=True, captured_amount=True),
    "a negative amount": payment(authorized_amount=-1),
    "an amount without end": payment(authorized_amount=2**63, captured_amount=2**63),
    "no currency": payment(currency=None),
    "an operation": operation(),
}


@pytest.mark.parametrize("said", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
@pytest.mark.parametrize("method", ["charge", "authorize", "fetch_payment"])
def test_a4_an_answer_that_contradicts_itself_or_our_request_is_unknown(method, said):
    request = manual_request() if method == "authorize" else charge_request()
    answer = outcome(method, request, {"data": [said]} if method == "fetch_payment" else said)
    assert is_unknown(answer)
    assert answer.reason is Reason.UNREADABLE_ANSWER


@pytest.mark.parametrize("shown", [payment(), payment("authorized"), payment("declined", reference="pay_2-a1")])
def test_a4_a_decline_whose_payment_is_not_declined_is_unknown(shown):
    assert is_unknown(outcome("charge", charge_request(), error("do_not_honor", payment=shown), 402))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a4_a_redirect_is_unknown_and_is_not_followed(status):
    answer, server = ask("charge", charge_request(), response({}, status, "location: /v1/health"))
    assert is_unknown(answer)
    assert len(server.requests) == 1


# --- A5: already processed, in progress -------------------------------------------------------------


@pytest.mark.parametrize("kind", ["in_progress", "invalid_state", "anything"])
@pytest.mark.parametrize(
    "code", ["in_progress", "already_processed", "already_captured", "already_voided", "duplicate"]
)
@pytest.mark.parametrize("method", ["charge", "authorize"])
def test_a5_a_charge_that_is_already_known_is_never_a_decline(method, code, kind):
    request, _ = MUTATIONS[method]
    assert outcome(method, request, error(code, type=kind), 409).executed is Executed.UNKNOWN


@pytest.mark.parametrize(("method", "code"), [("capture", "already_captured"), ("void", "already_voided")])
def test_a5_an_operation_that_was_already_done_is_looked_up(method, code):
    request, _ = MUTATIONS[method]
    assert outcome(method, request, error(code, type="invalid_state"), 409).type == "duplicate"


# --- A7, A8: what a key protects, and for how long ---------------------------------------------------

SENT = SimpleNamespace(started_at=datetime(2026, 5, 1, tzinfo=UTC))


@given(window_s=st.floats(1.0, 1e6), share=st.floats(0.9, 100.0))
def test_a8_nothing_is_sent_again_in_the_last_tenth_of_the_keys_window_or_after_it(window_s, share):
    contract = replace(gateway("http://127.0.0.1:1").contract, idempotency_window_s=window_s)
    assert not may_resend(contract, SENT, SENT.started_at + timedelta(seconds=window_s * share))


def test_a8_the_adapter_declares_the_window_that_the_sandbox_keeps_its_keys_for():
    assert gateway("http://127.0.0.1:1").contract.idempotency_window_s == SandboxSettings().key_window_s


@given(after_s=st.floats(0.0, 1e6))
def test_a7_where_a_key_does_not_cover_failures_nothing_is_ever_sent_again(after_s):
    contract = replace(gateway("http://127.0.0.1:1").contract, key_covers_failures=False)
    assert not may_resend(contract, SENT, SENT.started_at + timedelta(seconds=after_s))


# --- A9, A10, A11: keys -------------------------------------------------------------------------


def test_a9_the_region_of_the_keys_is_pinned_in_every_request():
    for method, (request, said) in (MUTATIONS | LOOKUPS).items():
        _, server = ask(method, request, response(said, 200), region="us")
        assert sent(server)[1]["sandbox-region"] == "us"


def test_a9_the_engines_key_is_sent_unchanged_and_only_with_what_moves_money():
    for method, (request, said) in MUTATIONS.items():
        _, server = ask(method, request, response(said, 201))
        assert sent(server)[1]["idempotency-key"] == request.idempotency_key
    for method, (request, said) in LOOKUPS.items():
        _, server = ask(method, request, response(said))
        assert "idempotency-key" not in sent(server)[1]


METHODS = st.sampled_from(sorted(MUTATIONS))
METADATA = st.dictionaries(st.text("ab", min_size=1), st.integers(-9, 9))


@given(
    method=METHODS,
    amount_minor=st.integers(1, 10**12),
    metadata=METADATA,
)
def test_a10_every_send_of_one_request_has_the_same_bytes(method, amount_minor, metadata):
    request, said = MUTATIONS[method]
    fields = {name: getattr(request, name) for name in request.__slots__} | {"money": Money(amount_minor, "EUR")}
    if "metadata" in fields:
        fields["metadata"] = parse_metadata(metadata)
    first = ask(method, type(request)(**fields), response(said, 201))[1]
    if "metadata" in fields:
        fields["metadata"] = dict(reversed(fields["metadata"].items()))
    again = ask(method, type(request)(**fields), response(said, 201), b"")[1]
    bodies = [sent(first)[2], sent(again, 0)[2], sent(again, 1)[2]]
    assert len({hashlib.sha256(body).hexdigest() for body in bodies}) == 1


def test_a10_a_card_of_a_vault_is_sent_in_the_same_bytes_again():
    vault = InMemoryVault()
    token = asyncio.run(vault.store(RawCard(number="4242424242424242", expiry_month=1, expiry_year=2030, cvc="123")))
    request = charge_request(method=Card(token=token))
    _, server = ask("charge", request, b"", response(payment(), 201), vault=vault)
    assert sent(server, 0) == sent(server, 1)


def test_a11_a_key_that_was_used_up_leaves_the_outcome_unknown():
    for method, (request, _) in MUTATIONS.items():
        answer = outcome(method, request, error("key_reused", type="idempotency_mismatch"), 400)
        assert is_unknown(answer)
        assert answer.reason is Reason.DUPLICATE_REFERENCE


# --- A13, A14: the wire -----------------------------------------------------------------------------


def test_a13_a_gateway_never_sends_more_often_than_it_is_asked():
    for method, (request, said) in (MUTATIONS | LOOKUPS).items():
        whole = response(said)
        for answers in itertools.product([whole, b"", whole[:-5]], repeat=2):
            _, server = ask_all(method, request, whole, answers)
            assert len(server.requests) <= len(answers)


def ask_all(method, request, whole, answers):
    async def each(server, _request, writer):
        said = answers[len(server.requests) - 1]
        writer.write(said)
        await writer.drain()
        return said == whole

    async def scenario():
        async with provider(each) as server:
            asked = gateway(server.url)
            outcomes = [await getattr(asked, method)(request) for _ in answers]
            await asked.aclose()
            return outcomes, server

    return asyncio.run(scenario())


def test_a14_a_refused_connection_was_surely_not_sent_and_a_lost_one_is_unknown():
    for method, (request, _) in MUTATIONS.items():
        refused = asyncio.run(getattr(gateway("http://127.0.0.1:1"), method)(request))
        assert (refused.executed, refused.code) == (Executed.NO, "connect")
        lost = ask_once(method, request, b"")
        assert (lost.executed, lost.code) == (Executed.UNKNOWN, "read")


def test_a14_connect_and_read_time_outs_are_two_things():
    connect = outcome_of_phase(Phase.CONNECT, is_timeout=True)
    read = outcome_of_phase(Phase.READ, is_timeout=True)
    assert (connect.executed, read.executed) == (Executed.NO, Executed.UNKNOWN)


# --- B5: totals and parts ---------------------------------------------------------------------------


def test_b5_totals_of_the_payment_are_never_added_to_the_parts_of_operations():
    refunds = [operation("refund", id=f"sr_{part}", reference=f"r-{part}", amount=part) for part in (30, 20)]
    totals = [30, 50]
    refunded = 0
    for part, total in zip(refunds, totals, strict=True):
        request = operation_request(
            OperationKind.REFUND, reference=part["reference"], money=Money(part["amount"], "USD")
        )
        refunded += outcome("refund", request, part, 201).amount_minor
        shown = payment(refunded_amount=total, refunds=refunds)
        assert outcome("fetch_payment", charge_request(), {"data": [shown]}).amount_minor == 1_000
    assert refunded == 50


def test_b5_a_part_that_was_captured_is_the_operations_own_and_the_authorization_stays_whole():
    shown = payment("authorized", captured_amount=500, captures=[operation(amount=200), operation(amount=300)])
    assert outcome("capture", operation_request(), operation(amount=300), 201).amount_minor == 300
    assert outcome("fetch_payment", manual_request(), {"data": [shown]}).amount_minor == 1_000


# --- G1: the amount on the wire ---------------------------------------------------------------------


@pytest.mark.parametrize("amount_minor", [1, 999, 123_456_789_012])
def test_g1_every_currency_goes_out_and_comes_back_in_the_same_minor_units(amount_minor):
    async def scenario():
        async with provider(echo_amount) as server:
            asked = gateway(server.url)
            for currency in currencies():
                for capture in CaptureMode:
                    money = Money(amount_minor, currency)
                    answer = await asked.charge(charge_request(money=money, capture=capture))
                    assert (answer.amount_minor, answer.currency, answer.is_partial) == (amount_minor, currency, False)
            await asked.aclose()

    asyncio.run(scenario())


async def echo_amount(_server, request, writer):
    asked = json.loads(request.partition(b"\r\n\r\n")[2])
    amounts = {"amount": asked["amount"], "authorized_amount": asked["amount"], "captured_amount": asked["amount"]}
    writer.write(response(payment(currency=asked["currency"], **amounts), 201))
    await writer.drain()
    return True


# --- G7: secrets ------------------------------------------------------------------------------------


def test_g7_no_outcome_repeats_what_was_sent_however_it_ends():
    for method, (request, _) in MUTATIONS.items():
        for said in (response({"echo": "sk_sandbox_topsecret"}, 500), response(b"sk_sandbox_topsecret", raw=True), b""):
            assert "topsecret" not in repr(ask(method, request, said)[0])
