"""What may stand in the body of a request: exact types, limits, and no card number outside its field."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from aegispay.domain.card_data import contains_card_number, mask_card_numbers
from aegispay.domain.money import currencies
from aegispay.sandbox.refusals import invalid

SIZE_MAX = 65_536
"""Bytes of a body."""
_AMOUNT_MAX = 10**12


def _no_card(text: str) -> str:
    if contains_card_number(text):
        raise ValueError("looks like a card number")
    return text


def _known_currency(code: str) -> str:
    if code not in currencies():
        raise ValueError("not an ISO 4217 code")
    return code


def _web_address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("use http:// or https://")
    return url


Word = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$"), AfterValidator(_no_card)]
Amount = Annotated[int, Field(ge=1, le=_AMOUNT_MAX)]
Url = Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]


class Body(BaseModel):
    """A body; unknown fields are refused by name."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True, frozen=True)


class MethodBody(Body):
    """A payment method; the card's number and code never leave this object."""

    type: Literal["card", "upi", "net_banking", "wallet", "pay_later"]
    token: Word | None = None
    number: SecretStr | None = None
    cvc: SecretStr | None = None
    expiry_month: Annotated[int, Field(ge=1, le=12)] | None = None
    expiry_year: Annotated[int, Field(ge=2000, le=2100)] | None = None
    vpa: Word | None = None
    bank_code: Word | None = None
    provider: Word | None = None

    @property
    def script(self) -> str | None:
        """The token that orders a behaviour; for UPI, ``declined@bank`` is as good as ``tok_declined``."""
        if self.token is not None or self.vpa is None:
            return self.token
        return f"tok_{self.vpa.partition('@')[0]}"


class ChargeBody(Body):
    """A new payment."""

    reference: Word
    amount: Amount
    currency: Annotated[str, AfterValidator(_known_currency)]
    capture: Literal["automatic", "manual"] = "automatic"
    partial_allowed: bool = False
    payment_method: MethodBody
    return_url: Url | None = None
    metadata: Annotated[dict[Word, Word], Field(max_length=50)] = Field(default_factory=dict)


class CaptureBody(Body):
    """A capture."""

    reference: Word
    amount: Amount
    final: bool = True


class VoidBody(Body):
    """A void."""

    reference: Word


class RefundBody(Body):
    """A refund."""

    reference: Word
    amount: Amount


_Model = TypeVar("_Model", bound=BaseModel)


def read_json(raw: bytes) -> Any:
    """Return what a body says.

    Raises:
        RefusalError: it is no JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise invalid("body", "the body is not JSON") from None


def parse(model: type[_Model], content: Any) -> _Model:
    """Return the body as its model.

    Raises:
        RefusalError: naming the first field that is wrong, and never its value.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = mask_card_numbers(".".join(str(part) for part in first["loc"]))[:100] or "body"
        raise invalid(field, first["msg"].removeprefix("Value error, ")) from None
