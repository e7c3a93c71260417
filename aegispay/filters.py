"""What `list_payments` is asked for, checked."""

from __future__ import annotations

from typing import Any

import pydantic
from pydantic import AwareDatetime, BaseModel, ConfigDict

from aegispay.domain.card_data import refuse_card_number, shown
from aegispay.domain.money import exponent
from aegispay.domain.state import PaymentState
from aegispay.errors import FieldError, ValidationError
from aegispay.ports import PaymentQuery


class _Filters(BaseModel):
    """The fields of `PaymentFilters`, as they may come from a program that is not type-checked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    merchant: str | None = None
    state: PaymentState | None = None
    customer_id: str | None = None
    gateway: str | None = None
    currency: str | None = None
    in_doubt: bool | None = None
    has_incident: bool | None = None
    parked: bool | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None
    limit: int = 100
    after: str | None = None


def parse_filters(filters: dict[str, Any]) -> PaymentQuery:
    """Return the query that the filters describe.

    Raises:
        ValidationError: a filter is not known, or its value makes no sense.
        CardDataError: a filter holds a card number.
    """
    given = dict(filters)
    for name, value in given.items():
        if isinstance(value, str):
            refuse_card_number(name, value)
    if isinstance(given.get("state"), str):
        given["state"] = _state(given["state"])
    if isinstance(given.get("currency"), str):
        exponent(given["currency"])
    try:
        parsed = _Filters(**given)
    except pydantic.ValidationError as error:
        raise ValidationError(
            [
                FieldError(".".join(map(str, each["loc"])), each["msg"], shown(each["input"]))
                for each in error.errors(include_url=False)
            ]
        ) from None
    return PaymentQuery(**dict(parsed))


def _state(state: str) -> PaymentState:
    try:
        return PaymentState(state)
    except ValueError:
        known = ", ".join(PaymentState)
        raise ValidationError([FieldError("state", f"use one of {known}", shown(state))]) from None
