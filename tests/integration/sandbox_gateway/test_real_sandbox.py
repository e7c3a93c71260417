"""The adapter against the real `aegispay sandbox`: every fault, and what the ledger holds then."""

from __future__ import annotations

import asyncio
import socket

import pytest

from aegispay.domain.money import Money
from aegispay.domain.outcome import Executed
from aegispay.domain.payment_method import Card
from aegispay.domain.request import CaptureMode
from aegispay.domain.state import OperationKind
from aegispay.ports import NotFound
from aegispay.vault import InMemoryVault, RawCard
from tests.integration.sandbox.process import SandboxProcess
from tests.integration.sandbox_gateway.payloads import charge_request, gateway, operation_request

BRIEFLY_S = 1.0


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_is_left(request):
    yield
    sandbox = request.getfixturevalue("sandbox")
    wait_until_open(sandbox)
    sandbox.admin("DELETE", "/admin/faults")


def wait_until_open(sandbox):
    """Wait out a refused connection: the operator's endpoints are behind the same door."""
    for _ in range(1_000_000):
        try:
            socket.create_connection(("127.0.0.1", sandbox.port)).close()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError("the sandbox does not listen again")


class Shop:
    """One payment of its own at the sandbox, so that tests do not see each other's."""

    numbers = iter(range(10_000))

    def __init__(self, sandbox, **changes):
        self.sandbox = sandbox
        self.number = next(self.numbers)
        self.gateway = gateway(sandbox.url, **changes)

    def charge_request(self, token="tok_visa", *, manual=False, key=None, timeout_s=BRIEFLY_S, method=None):
        return charge_request(
            reference=f"shop-{self.number}-a1",
            idempotency_key=key or f"shop-{self.number}-key",
            capture=CaptureMode.MANUAL if manual else CaptureMode.AUTOMATIC,
            method=method or Card(token=token),
            timeout_s=timeout_s,
        )

    def operation_request(self, kind, amount, approved, *, number=1, **changes):
        fields = {
            "reference": f"shop-{self.number}-{kind}-{number}",
            "idempotency_key": f"shop-{self.number}-{kind}-{number}-key",
            "gateway_reference": approved.reference,
            "money": Money(amount, "USD"),
            "timeout_s": BRIEFLY_S,
        }
        return operation_request(kind, **(fields | changes))

    def arm(self, fault, **more):
        match = {"reference": f"shop-{self.number}-"}
        self.sandbox.admin("POST", "/admin/faults", {"fault": fault, "count": 1, "match": match, **more})

    def moved(self, kind):
        prefix = f"shop-{self.number}-"
        wait_until_open(self.sandbox)
        return [
            m["amount"] for m in self.sandbox.movements() if m["kind"] == kind and m["reference"].startswith(prefix)
        ]

    def run(self, *steps):
        """Make the steps one after the other in one event loop; each is (method, request). Return all answers."""

        async def scenario():
            try:
                return [await getattr(self.gateway, method)(request) for method, request in steps]
            finally:
                await self.gateway.aclose()

        return asyncio.run(scenario())

    def charge(self, **request):
        return self.run(("charge", self.charge_request(**request)))[0]


def test_a_charge_is_approved_and_collected(sandbox):
    shop = Shop(sandbox)
    outcome = shop.charge()
    assert (outcome.type, outcome.amount_minor, outcome.currency, outcome.is_partial) == (
        "approved", 1_000, "USD", False,
    )  # fmt: skip
    assert shop.moved("capture") == [1_000]


def test_the_same_key_gives_the_same_answer_and_moves_money_once(sandbox):
    shop = Shop(sandbox)
    first, again = shop.run(*[("charge", shop.charge_request())] * 2)
    assert first == again
    assert shop.moved("capture") == [1_000]


@pytest.mark.parametrize(
    ("token", "kind", "reason"),
    [
        ("tok_declined", "hard", "do_not_honor"),
        ("tok_insufficient_funds", "customer_fixable", "insufficient_funds"),
        ("tok_lost_card", "hard", "lost_card"),
        ("tok_stolen_card", "hard", "stolen_card"),
        ("tok_expired_card", "customer_fixable", "expired_card"),
        ("tok_incorrect_cvc", "customer_fixable", "incorrect_cvc"),
        ("tok_fraud", "risk", "fraud_suspected"),
        ("tok_soft_declined", "soft", "issuer_unavailable"),
    ],
)
def test_every_decline_of_the_sandbox_has_a_row(sandbox, token, kind, reason):
    shop = Shop(sandbox)
    at_once, later = shop.run(("charge", shop.charge_request(token)), ("fetch_payment", shop.charge_request(token)))
    assert (at_once.type, at_once.kind, at_once.reason) == ("declined", kind, reason)
    assert later == at_once
    assert shop.gateway.unmapped_codes == {}
    assert shop.moved("authorize") == []


def test_a_challenge_is_a_redirect_and_is_over_when_the_payer_has_passed_it(sandbox):
    shop = Shop(sandbox)
    wanted = shop.charge(token="tok_requires_action")
    assert wanted.type == "requires_action"
    assert wanted.action.url.startswith(f"{sandbox.url}/challenge/")


def test_a_partial_authorization_says_so(sandbox):
    shop = Shop(sandbox)
    (outcome,) = shop.run(("authorize", shop.charge_request("tok_partial", manual=True)))
    assert (outcome.amount_minor, outcome.is_partial) == (600, True)


def test_a_raw_card_of_a_vault_is_charged_and_kept_nowhere(sandbox):
    vault = InMemoryVault()
    number = "4000000000009995"
    token = asyncio.run(vault.store(RawCard(number=number, expiry_month=1, expiry_year=2031, cvc="123")))
    shop = Shop(sandbox, vault=vault)
    assert shop.charge(method=Card(token=token)).reason == "insufficient_funds"
    assert number not in sandbox.errors()
    assert number.encode() not in sandbox.ledger.read_bytes()


def test_a_payment_is_authorized_captured_in_parts_and_refunded_in_parts(sandbox):
    shop = Shop(sandbox)
    (approved,) = shop.run(("authorize", shop.charge_request(manual=True)))
    ask = shop.operation_request
    answers = shop.run(
        ("capture", ask(OperationKind.CAPTURE, 300, approved)),
        ("capture", ask(OperationKind.CAPTURE, 400, approved, number=2, is_final=True)),
        ("refund", ask(OperationKind.REFUND, 100, approved)),
        ("refund", ask(OperationKind.REFUND, 100, approved, number=2)),
        ("refund", ask(OperationKind.REFUND, 501, approved, number=3)),
    )
    assert [answer.amount_minor for answer in answers[:4]] == [300, 400, 100, 100]
    assert (answers[4].type, answers[4].reason) == ("declined", "limit_exceeded")
    assert (shop.moved("capture"), shop.moved("refund")) == ([300, 400], [100, 100])
    found = shop.run(
        ("fetch_operation", ask(OperationKind.CAPTURE, 400, approved, number=2)),
        ("fetch_operation", ask(OperationKind.REFUND, 501, approved, number=3)),
        ("fetch_payment", shop.charge_request(manual=True)),
    )
    assert found == [answers[1], NotFound(), approved]


def test_a_void_releases_and_later_captures_are_declined(sandbox):
    shop = Shop(sandbox)
    (approved,) = shop.run(("authorize", shop.charge_request(manual=True)))
    voided, captured, looked_up = shop.run(
        ("void", shop.operation_request(OperationKind.VOID, 1_000, approved)),
        ("capture", shop.operation_request(OperationKind.CAPTURE, 300, approved)),
        ("fetch_payment", shop.charge_request(manual=True)),
    )
    assert (voided.type, voided.amount_minor) == ("approved", 1_000)
    assert (captured.type, captured.code) == ("declined", "already_voided")
    assert looked_up == approved
    assert shop.moved("capture") == []


NOT_EXECUTED = ["refuse_connection", "hang_before", "error_500_before", "key_mismatch", "rate_limit_before"]
EXECUTED = [
    "hang_after", "error_500_after", "error_502_after", "error_504_after", "error_520_after", "unreadable_after",
    "drop_after", "in_progress", "rate_limit_after",
]  # fmt: skip


@pytest.mark.parametrize("fault", [*NOT_EXECUTED, *EXECUTED])
def test_a_fault_never_makes_the_adapter_say_what_the_ledger_does_not(sandbox, fault):
    shop = Shop(sandbox)
    shop.arm(fault)
    outcome = shop.charge()
    moved = shop.moved("capture")
    assert moved == ([1_000] if fault in EXECUTED else [])
    assert outcome.executed is Executed.UNKNOWN or (outcome.executed is Executed.NO and not moved)


@pytest.mark.parametrize("fault", EXECUTED)
def test_what_was_done_behind_an_unknown_answer_is_found_and_a_resend_does_not_do_it_again(sandbox, fault):
    shop = Shop(sandbox)
    shop.arm(fault)
    lost, found = shop.run(("charge", shop.charge_request()), ("fetch_payment", shop.charge_request()))
    assert lost.executed is Executed.UNKNOWN
    assert (found.type, found.amount_minor) == ("approved", 1_000)
    resent = shop.charge()
    assert resent == found or resent.executed is Executed.UNKNOWN
    assert shop.moved("capture") == [1_000]


@pytest.mark.parametrize("fault", EXECUTED)
@pytest.mark.parametrize("kind", [*OperationKind])
def test_the_same_holds_for_operations(sandbox, kind, fault):
    shop = Shop(sandbox)
    is_manual = kind is not OperationKind.REFUND
    (approved,) = shop.run(("authorize" if is_manual else "charge", shop.charge_request(manual=is_manual)))
    shop.arm(fault)
    request = shop.operation_request(kind, 300, approved)
    lost, found = shop.run((kind.value, request), ("fetch_operation", request))
    assert lost.executed is Executed.UNKNOWN
    assert (found.type, len(shop.moved(kind.value))) == ("approved", 1)


@pytest.mark.parametrize(("fault", "expected"), [("wrong_amount", (1_001, "USD")), ("wrong_currency", (1_000, None))])
def test_another_amount_or_currency_is_reported_as_the_sandbox_said_it(sandbox, fault, expected):
    shop = Shop(sandbox)
    shop.arm(fault)
    outcome = shop.charge()
    amount, currency = expected
    assert (outcome.type, outcome.amount_minor) == ("approved", amount)
    assert outcome.currency == currency or (currency is None and outcome.currency != "USD")


@pytest.mark.parametrize("fault", ["lookup_stale", "lookup_hang", "error_500_before", "drop_after", "unreadable_after"])
def test_a_look_up_that_goes_wrong_never_says_that_nothing_was_charged(sandbox, fault):
    shop = Shop(sandbox)
    shop.charge()
    shop.arm(fault)
    (found,) = shop.run(("fetch_payment", shop.charge_request()))
    assert found.executed is Executed.UNKNOWN


def test_a9_the_region_is_pinned_so_that_a_key_is_never_new_again_elsewhere(sandbox):
    shop = Shop(sandbox)
    shop.arm("region_split")
    shop.run(*[("charge", shop.charge_request())] * 8)
    assert shop.moved("capture") == [1_000]


def test_a11_a_key_that_the_sandbox_has_for_something_else_charges_nothing_and_says_unknown(sandbox):
    first, second = Shop(sandbox), Shop(sandbox)
    first.charge(key="shared-key")
    outcome = second.charge(key="shared-key")
    assert (outcome.type, outcome.reason) == ("unknown", "duplicate_reference")
    assert second.moved("capture") == []


def test_a13_the_sandbox_sees_each_send_once_also_when_it_closes_its_connections(sandbox):
    shop = Shop(sandbox)
    faults = ["drop_after", "refuse_connection", "error_500_before"]
    for fault in faults:
        shop.arm(fault)
    sends = 6
    shop.run(*[("charge", shop.charge_request())] * sends)
    prefix = f"shop-{shop.number}-"
    wait_until_open(sandbox)
    seen = [r for r in sandbox.requests() if r["method"] == "POST" and (r["reference"] or "").startswith(prefix)]
    assert len(seen) <= sends
    assert shop.moved("capture") == [1_000]
