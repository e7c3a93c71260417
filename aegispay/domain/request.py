"""A merchant's request for a payment: parsed, checked, and comparable with a repetition of itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from aegispay.domain.card_data import refuse_card_number, shown
from aegispay.domain.customer import Customer, parse_customer
from aegispay.domain.metadata import Metadata, parse_metadata
from aegispay.domain.money import exponent, parse_amount
from aegispay.domain.payment_method import PaymentMethod, parse_payment_method
from aegispay.domain.text import text
from aegispay.errors import FieldError, ValidationError

KEY_LENGTH_MAX = 255
_MERCHANT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")
_GATEWAY = re.compile(r"[a-z0-9_-]{1,64}")


class CaptureMode(StrEnum):
    """Whether approval already collects the money."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What was asked for; build it with `parse_request`.

    Attributes:
        merchant: whose idempotency key it is.
        gateway: the only gateway that may be used; ``None`` for any.
        retry_of: the failed payment that this one repeats.
        return_url: where the gateway sends the payer back to, if it has to send him away.
        strategy: the routing strategy that ranks gateways for this payment; ``None`` for the engine's own.
    """

    idempotency_key: str
    amount_minor: int
    currency: str
    payment_method: PaymentMethod
    customer: Customer | None = None
    metadata: Metadata = field(default_factory=dict)
    merchant: str = "default"
    capture: CaptureMode = CaptureMode.AUTOMATIC
    gateway: str | None = None
    retry_of: str | None = None
    return_url: str | None = None
    strategy: str | None = None

    def fingerprint(self) -> str:
        """Return the SHA-256 of the request's content, key and merchant left out.

        Property order, the way a number was written and absent fields make no difference; everything else does.
        """
        return hashlib.sha256(_canonical(self)).hexdigest()


_ADAPTER: TypeAdapter[PaymentRequest] = TypeAdapter(PaymentRequest)
_NOT_CONTENT = {"idempotency_key", "merchant"}
_NOT_CONTENT_NOR_METADATA = _NOT_CONTENT | {"metadata"}


def _canonical(request: PaymentRequest) -> bytes:
    content = _ADAPTER.dump_json(request, exclude=_NOT_CONTENT_NOR_METADATA, exclude_none=True)
    if not request.metadata:
        return content
    # Only metadata can come in another order; its own values are part of the content to the letter.
    return content + json.dumps(request.metadata, sort_keys=True).encode()


def differing_fields(first: PaymentRequest, second: PaymentRequest) -> tuple[str, ...]:
    """Return dotted paths of what differs between two requests, in the order of the fields."""
    differing: list[str] = []
    for declared in fields(PaymentRequest):
        if declared.name not in _NOT_CONTENT:
            name = "amount" if declared.name == "amount_minor" else declared.name
            _compare(name, getattr(first, declared.name), getattr(second, declared.name), differing)
    return tuple(differing)


def _compare(path: str, first: Any, second: Any, differing: list[str]) -> None:
    if type(first) is not type(second):
        differing.append(path)
    elif isinstance(first, dict):
        for key in dict.fromkeys([*first, *second]):
            _compare(f"{path}.{key}", first.get(key, _ABSENT), second.get(key, _ABSENT), differing)
    elif hasattr(first, "__dataclass_fields__"):
        for declared in fields(first):
            _compare(
                f"{path}.{declared.name}", getattr(first, declared.name), getattr(second, declared.name), differing
            )
    elif first is not second and json.dumps(first, sort_keys=True) != json.dumps(second, sort_keys=True):
        # As the fingerprint sees them: 0.0 and -0.0 are equal numbers, but not the same request.
        differing.append(path)


_ABSENT = object()


def parse_request(
    *,
    idempotency_key: object,
    amount: object,
    currency: object,
    payment_method: object,
    customer: object = None,
    metadata: object = None,
    merchant: object = "default",
    capture: object = CaptureMode.AUTOMATIC,
    gateway: object = None,
    retry_of: object = None,
    return_url: object = None,
    strategy: object = None,
) -> PaymentRequest:
    """Return a request from what a user passed.

    Raises:
        ValidationError: with every problem found, not only the first.
        CardDataError: card data stands where it must not.
    """
    given = (
        lambda: text("idempotency_key", idempotency_key, longest=KEY_LENGTH_MAX),
        lambda: _amount(amount, currency),
        lambda: str(currency),
        lambda: parse_payment_method(payment_method),
        lambda: parse_customer(customer),
        lambda: parse_metadata(metadata),
        lambda: _matching("merchant", merchant, _MERCHANT, "letters, digits, _ . -"),
        lambda: _capture(capture),
        lambda: None if gateway is None else _matching("gateway", gateway, _GATEWAY, "a-z, 0-9, _ -"),
        lambda: None if retry_of is None else text("retry_of", retry_of, longest=64),
        lambda: None if return_url is None else _url("return_url", return_url),
        lambda: None if strategy is None else _matching("strategy", strategy, _GATEWAY, "a-z, 0-9, _ -"),
    )
    try:
        return PaymentRequest(*[parse() for parse in given])  # type: ignore[arg-type]  # each parser returns its own field
    except ValidationError:
        raise ValidationError([error for parse in given for error in _errors(parse)]) from None


def _errors(parse: Callable[[], object]) -> tuple[FieldError, ...]:
    try:
        parse()
    except ValidationError as error:
        return error.errors
    return ()


def _amount(amount: object, currency: object) -> int:
    exponent(currency)  # type: ignore[arg-type]  # it refuses what is no currency
    return parse_amount(amount, str(currency))


def _matching(name: str, value: object, pattern: re.Pattern[str], allowed: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValidationError([FieldError(name, f"use 1 to 64 of {allowed}", shown(value))])
    return refuse_card_number(name, value)


def _url(name: str, value: object) -> str:
    url = text(name, value, longest=2_048)
    if not _URL.fullmatch(url):
        raise ValidationError([FieldError(name, "use a full http or https address", shown(url))])
    return url


def _capture(value: object) -> CaptureMode:
    if isinstance(value, CaptureMode):
        return value
    try:
        return CaptureMode(value)  # type: ignore[arg-type]  # it refuses what is no mode
    except ValueError:
        raise ValidationError([FieldError("capture", "use automatic or manual", shown(value))]) from None
