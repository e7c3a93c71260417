"""The names that gateways see: the same after a restart, never shared, and traceable to their payment."""

import itertools

import pytest

from aegispay.domain.ids import derive_payment_id
from aegispay.domain.keys import (
    attempt_id,
    cancel_id,
    charge_key,
    operation_id,
    operation_key,
    payment_of,
    request_digest,
)
from aegispay.domain.state import OperationKind

PAYMENT = derive_payment_id(b"salt", merchant="default", idempotency_key="order-1")
OTHER = derive_payment_id(b"salt", merchant="default", idempotency_key="order-2")


def references(payment_id: str) -> list[str]:
    asked = [operation_id(payment_id, kind, key) for kind in OperationKind for key in ("", "a", "b", "cancel-1")]
    return [*asked, *(attempt_id(payment_id, n) for n in (1, 2, 11)), *(cancel_id(payment_id, n) for n in (1, 2, 11))]


def test_no_two_things_of_any_two_payments_share_a_name():
    names = [*references(PAYMENT), *references(OTHER)]
    assert len(set(names)) == len(names)


def test_no_two_sends_to_any_two_gateways_share_a_key():
    gateways = ("alpha", "beta")
    operations = [operation_key(name, gateway) for name in references(PAYMENT)[:12] for gateway in gateways]
    cancels = [operation_key(cancel_id(PAYMENT, number), gateway) for number in (1, 2) for gateway in gateways]
    charges = [charge_key(PAYMENT, number, gateway) for number in (1, 2, 11) for gateway in gateways]
    keys = [*operations, *cancels, *charges]
    assert len(set(keys)) == len(keys)


def test_the_same_question_has_the_same_name_again():
    assert references(PAYMENT) == references(PAYMENT)


def test_a_merchants_key_is_not_readable_in_a_name_and_cannot_make_it_long():
    name = operation_id(PAYMENT, OperationKind.REFUND, "secret-" + "x" * 300)
    assert "secret" not in name
    assert len(name) < 64


@pytest.mark.parametrize("name", references(PAYMENT), ids=str)
def test_every_name_leads_back_to_its_payment(name):
    assert payment_of(name) == PAYMENT


@pytest.mark.parametrize("name", ["", "-", "order-1", "pay_-a1", PAYMENT, f"x{PAYMENT}-a1"], ids=repr)
def test_a_name_that_is_none_of_ours_leads_nowhere(name):
    assert payment_of(name) is None


def test_a_digest_changes_with_each_part_of_what_is_sent():
    parts = ("reference", "key", "fingerprint")
    changed = [tuple(part + ("!" if index == at else "") for index, part in enumerate(parts)) for at in range(3)]
    digests = [request_digest(*given) for given in [parts, *changed]]
    assert all(one != two for one, two in itertools.combinations(digests, 2))
