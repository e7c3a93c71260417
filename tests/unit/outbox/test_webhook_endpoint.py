"""What an endpoint may be, and what is said when it is not."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from pydantic import SecretStr

from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.domain.event_type import EventType
from aegispay.errors import ValidationError
from aegispay.outbox.webhooks.endpoint import (
    WEBHOOK_RETRY,
    WebhookEndpoint,
    WebhookPolicy,
    new_webhook_secret,
)

SECRET = new_webhook_secret()
URL = "https://shop.example.com/T0KEN/hooks?key=s3cret"


def endpoint(**changes):
    return WebhookEndpoint(**({"name": "shop", "url": URL, "secrets": (SECRET,)} | changes))


def short(size):
    return "whsec_" + base64.b64encode(b"k" * size).decode()


WRONG = [
    ("name", {"name": "Shop 1"}),
    ("name", {"name": ""}),
    ("name", {"name": "4242424242424242"}),
    ("name", {"name": None}),
    ("url", {"url": "http://shop.example.com/"}),
    ("url", {"url": None}),
    ("secrets", {"secrets": ()}),
    ("secrets", {"secrets": SECRET}),
    ("secrets", {"secrets": (SECRET, SECRET)}),
    ("secrets", {"secrets": tuple(new_webhook_secret() for _ in range(5))}),
    ("secrets", {"secrets": ("secret",)}),
    ("secrets", {"secrets": ("whsec_***",)}),
    ("secrets", {"secrets": (short(23),)}),
    ("secrets", {"secrets": (short(65),)}),
    ("secrets", {"secrets": (b"bytes",)}),
    ("events", {"events": ("payment.sucessful",)}),
    ("events", {"events": ()}),
    ("concurrency", {"concurrency": 0}),
    ("concurrency", {"concurrency": 65}),
    ("concurrency", {"concurrency": True}),
    ("timeout_s", {"timeout_s": 0}),
    ("timeout_s", {"timeout_s": float("nan")}),
    ("timeout_s", {"timeout_s": 61}),
    ("timeout_s", {"timeout_s": "15"}),
    ("retry", {"retry": (5, 300)}),
    ("policy", {"policy": {"allowed_hosts": ["localhost"]}}),
]


@pytest.mark.parametrize(("field", "changes"), WRONG)
def test_what_is_wrong_is_named_and_nothing_secret_is_repeated(field, changes):
    with pytest.raises(ValidationError) as caught:
        endpoint(**changes)
    assert [error.field for error in caught.value.errors] == [field]
    assert "s3cret" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("policy.allowed_hosts", {"allowed_hosts": "localhost"}),
        ("policy.allowed_hosts", {"allowed_hosts": {7}}),
        ("policy.allowed_ports", {"allowed_ports": {0}}),
        ("policy.allowed_ports", {"allowed_ports": {"443"}}),
        ("policy.allowed_ports", {"allowed_ports": 443}),
        ("policy.ca_file", {"ca_file": "no-such-file.pem"}),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(field, changes):
    with pytest.raises(ValidationError) as caught:
        WebhookPolicy(**changes)
    assert [error.field for error in caught.value.errors] == [field]


def test_the_nearest_event_type_is_named():
    with pytest.raises(ValidationError, match=r"payment\.succeeded"):
        endpoint(events=("payment.succeded",))


def test_an_endpoint_shows_neither_its_address_nor_its_secrets():
    made = endpoint(secrets=(SECRET, SecretStr(new_webhook_secret())))
    for shown in (repr(made), str(made), repr(dataclasses.asdict(made)["url"]), repr(made.secrets), repr(made.url)):
        assert "s3cret" not in shown
        assert "T0KEN" not in shown
        assert "whsec_" not in shown
    assert made.shown_url == "https://shop.example.com/…"


def test_by_default_it_wants_everything_four_at_a_time_for_three_days():
    made = endpoint()
    assert made.interests.types == frozenset(EventType)
    assert (made.concurrency, made.timeout_s, made.retry) == (4, 15.0, WEBHOOK_RETRY)
    assert 2.9 < sum(WEBHOOK_RETRY.delays_s) / 86_400 < 3.3
    assert WEBHOOK_RETRY.tries == 10


def test_it_is_not_changed_once_it_is_made():
    with pytest.raises(dataclasses.FrozenInstanceError):
        endpoint().name = "other"


def test_hosts_are_compared_as_they_are_meant():
    policy = WebhookPolicy(allowed_hosts=["LocalHost.", "[::1]", "0:0:0:0:0:0:0:2"])
    assert policy.allowed_hosts == {"localhost", "::1", "::2"}


def test_a_schedule_of_its_own_can_be_given():
    assert endpoint(retry=RetrySchedule(delays_s=(1,))).retry.tries == 2


def test_unpadded_secrets_are_what_padded_ones_are():
    assert endpoint(secrets=(SECRET.rstrip("="),)).keys == endpoint().keys
