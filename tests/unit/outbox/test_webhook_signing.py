"""Signatures that others can verify."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from aegispay.outbox.webhooks.endpoint import SECRET_PREFIX, key_of, new_webhook_secret
from aegispay.outbox.webhooks.signing import signed_headers

BODY = '{"type":"payment.succeeded","name":"Ünïcode"}'.encode()
OLD, NEW, OTHER = new_webhook_secret(), new_webhook_secret(), new_webhook_secret()
VERIFIERS = {
    "standardwebhooks": (standardwebhooks.Webhook, standardwebhooks.WebhookVerificationError),
    "svix": (svix.webhooks.Webhook, svix.webhooks.WebhookVerificationError),
}


def headers(*secrets, body=BODY, at=None):
    return signed_headers("pay_1-3", body, keys=[key_of(secret) for secret in secrets], at=at or datetime.now(UTC))


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize("secret", [NEW, OLD], ids=["new", "old"])
def test_while_secrets_are_changed_a_receiver_with_either_can_verify(verifier, secret):
    webhook, _ = VERIFIERS[verifier]
    webhook(secret).verify(BODY, headers(NEW, OLD))


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_another_secret_a_changed_body_and_a_changed_id_are_refused(verifier):
    webhook, refusal = VERIFIERS[verifier]
    sent = headers(NEW, OLD)
    for secret, body, changed in [
        (OTHER, BODY, {}),
        (NEW, BODY.replace(b"succeeded", b"failed"), {}),
        (NEW, BODY, {"webhook-id": "pay_1-4"}),
        (NEW, BODY, {"webhook-timestamp": str(int(sent["webhook-timestamp"]) - 1)}),
    ]:
        with pytest.raises(refusal):
            webhook(secret).verify(body, sent | changed)


@pytest.mark.parametrize("verifier", VERIFIERS)
@pytest.mark.parametrize("minutes", [-6, 6])
def test_one_of_another_hour_is_refused(verifier, minutes):
    webhook, refusal = VERIFIERS[verifier]
    with pytest.raises(refusal):
        webhook(NEW).verify(BODY, headers(NEW, at=datetime.now(UTC) + timedelta(minutes=minutes)))


def test_the_time_of_a_signature_does_not_depend_on_the_zone_it_was_told_in():
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert headers(NEW, at=elsewhere) == headers(NEW, at=moment)


def test_the_id_is_the_events():
    assert headers(NEW)["webhook-id"] == "pay_1-3"


def test_there_is_one_signature_for_each_secret():
    signatures = headers(NEW, OLD)["webhook-signature"].split(" ")
    assert len(signatures) == 2
    assert all(each.startswith("v1,") for each in signatures)


@given(st.binary(min_size=24, max_size=64), st.dictionaries(st.text(), st.integers()))
def test_any_body_with_any_secret_is_verified_by_both(key, value):
    body = json.dumps(value).encode()
    sent = signed_headers("id", body, keys=[key], at=datetime.now(UTC))
    assert standardwebhooks.Webhook(key).verify(body, sent) == value
    svix.webhooks.Webhook(key).verify(body, sent)


def test_new_secrets_are_secrets_and_each_is_another():
    secrets = {new_webhook_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith(SECRET_PREFIX) and len(key_of(secret)) == 32 for secret in secrets)
