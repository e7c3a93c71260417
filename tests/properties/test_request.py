"""Requests: how one is written makes no difference to what it is, and every real difference is seen and named."""

from __future__ import annotations

import json
import random
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from aegispay.domain.events import PaymentInitiated, decode, encode
from aegispay.domain.metadata import parse_metadata
from aegispay.domain.money import Money, currencies, exponent
from aegispay.domain.request import PaymentRequest, differing_fields, parse_request
from tests import builders as b

# Numbers and letters that no card number and no name of a card's secret can be made of.
WORDS = st.text("aAbBdDeE_-", min_size=1, max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e12, 1e12) | WORDS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=8
)
ADDRESSES = st.fixed_dictionaries({"country": st.sampled_from(["US", "DE"])}, optional={"city": WORDS, "line1": WORDS})
CUSTOMERS = st.fixed_dictionaries({"id": WORDS}, optional={"name": WORDS, "billing_address": ADDRESSES})
CARD = {"type": st.just("card"), "token": WORDS}
METHODS = st.one_of(
    st.fixed_dictionaries(CARD, optional={"brand": WORDS, "expiry_year": st.integers(2026, 2040)}),
    st.fixed_dictionaries({"type": st.just("upi"), "vpa": WORDS.map(lambda word: f"{word}@bank")}),
    st.fixed_dictionaries({"type": st.just("wallet"), "provider": WORDS}, optional={"token": WORDS}),
)
REQUESTS = st.fixed_dictionaries(
    {
        "idempotency_key": WORDS,
        "money": st.builds(Money, st.integers(1, 10**9), st.sampled_from(currencies())),
        "payment_method": METHODS,
    },
    optional={
        "customer": CUSTOMERS,
        "metadata": st.dictionaries(WORDS, JSON, max_size=4),
        "capture": st.sampled_from(["automatic", "manual"]),
        "gateway": st.sampled_from(["alpha", "beta"]),
        "retry_of": WORDS,
    },
)
OPTIONAL = ("customer", "metadata", "gateway", "retry_of")


def parse(fields: dict) -> PaymentRequest:
    money = fields["money"]
    rest = {name: value for name, value in fields.items() if name != "money"}
    return parse_request(amount=f"{money.to_decimal():f}", currency=money.currency, **rest)


def shuffled(value, rng: random.Random):
    """Return the same JSON with the members of every object in another order."""
    if isinstance(value, dict):
        members = [(name, shuffled(item, rng)) for name, item in value.items()]
        return dict(rng.sample(members, len(members)))
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


def ways_to_write(money: Money) -> st.SearchStrategy[object]:
    major = money.to_decimal()
    dot = "" if exponent(money.currency) else "."
    ways: list[object] = [f"{major:f}", f"{major:f}{dot}00", f"{major:e}", Decimal(major), float(major)]
    return st.sampled_from(ways + ([int(major)] if major == int(major) else []))


@given(REQUESTS, st.randoms(use_true_random=False), st.data())
def test_order_number_format_and_null_instead_of_absent_make_no_difference(fields, rng, data):
    written = shuffled(fields, rng)
    absent = {name: None for name in OPTIONAL if name not in fields and data.draw(st.booleans())}
    money = written.pop("money")
    other = parse_request(amount=data.draw(ways_to_write(money)), currency=money.currency, **written, **absent)
    first = parse(fields)
    assert other.fingerprint() == first.fingerprint()
    assert differing_fields(first, other) == ()


@given(REQUESTS, WORDS)
def test_another_key_or_merchant_is_not_another_content(fields, word):
    first = parse(fields)
    other = parse(fields | {"idempotency_key": word, "merchant": word})
    assert other.fingerprint() == first.fingerprint()


@given(REQUESTS, REQUESTS)
def test_two_requests_have_one_fingerprint_exactly_when_no_field_differs(one, two):
    first, second = parse(one), parse(two)
    assert (first.fingerprint() == second.fingerprint()) is (differing_fields(first, second) == ())


@given(REQUESTS, REQUESTS, st.sampled_from(["money", "payment_method", "customer", "metadata", "capture", "gateway"]))
def test_a_changed_field_is_the_one_that_is_named(one, two, name):
    assume(name in two)
    first, second = parse(one), parse(one | {name: two[name]})
    named = {path.split(".")[0] for path in differing_fields(first, second)}
    assert named <= ({"amount", "currency"} if name == "money" else {name})
    assert bool(named) is (first.fingerprint() != second.fingerprint())


@given(st.dictionaries(WORDS, JSON, min_size=1, max_size=4), st.data())
def test_every_changed_leaf_of_metadata_is_seen_and_named(metadata, data):
    name = data.draw(st.sampled_from(sorted(metadata)))
    changed = metadata | {name: data.draw(JSON)}
    assume(json.dumps(changed, sort_keys=True) != json.dumps(metadata, sort_keys=True))
    first, second = b.request(metadata=metadata), b.request(metadata=changed)
    assert first.fingerprint() != second.fingerprint()
    assert all(path.startswith(f"metadata.{name}") for path in differing_fields(first, second))
    assert differing_fields(first, second)


@given(REQUESTS)
def test_a_request_reads_back_from_the_log_with_its_fingerprint(fields):
    request = parse(fields)
    event = PaymentInitiated(at=b.NOW, request=request, fingerprint=request.fingerprint(), expires_at=b.LATER)
    found = decode(event.type, event.schema_version, encode(event))
    assert found == event
    assert found.request.fingerprint() == event.fingerprint
    assert differing_fields(found.request, request) == ()


@given(st.dictionaries(WORDS, JSON, max_size=4))
def test_metadata_is_kept_exactly(metadata):
    assert json.dumps(parse_metadata(metadata)) == json.dumps(metadata)
