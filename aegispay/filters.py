"""What `list_payments` and `statistics` are asked for, checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pydantic
from pydantic import AwareDatetime, BaseModel, ConfigDict

from aegispay.domain.card_data import mask_card_numbers, refuse_card_number, shown
from aegispay.domain.money import exponent
from aegispay.domain.state import PaymentState
from aegispay.errors import FieldError, ValidationError
from aegispay.fields import StatisticsFilters
from aegispay.ports import PaymentQuery
from aegispay.ports.audit import GROUPS_MAX, GroupBy, StatisticsQuery


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


_COUNTED = tuple(StatisticsFilters.__annotations__)


def parse_statistics(by: object, limit: object, filters: dict[str, Any]) -> StatisticsQuery:
    """Return the query that counts payments.

    Args:
        by: what to group by: members of `GroupBy` or their names, or a single one.
        limit: most groups.
        filters: see `StatisticsFilters`.

    Raises:
        ValidationError: something is not known, or its value makes no sense.
        CardDataError: a filter holds a card number.
    """
    unknown = [name for name in filters if name not in _COUNTED]
    if unknown:
        known = ", ".join(_COUNTED)
        raise ValidationError([FieldError(mask_card_numbers(str(unknown[0]))[:40], f"is not known; there are {known}")])
    if type(limit) is not int or not 1 <= limit <= GROUPS_MAX:
        raise ValidationError([FieldError("limit", f"use 1 to {GROUPS_MAX}", shown(limit))])
    query = parse_filters(filters)
    return StatisticsQuery(by=_dimensions(by), limit=limit, **{name: getattr(query, name) for name in _COUNTED})


def _dimensions(by: object) -> tuple[GroupBy, ...]:
    given = [by] if isinstance(by, str) or not isinstance(by, Iterable) else list(by)
    return tuple(map(_dimension, given[: len(GroupBy) + 1]))


def _dimension(name: object) -> GroupBy:
    try:
        return GroupBy(name)  # type: ignore[arg-type]  # it refuses what is none
    except (ValueError, TypeError):
        raise ValidationError([FieldError("by", f"use some of {', '.join(GroupBy)}", shown(name))]) from None


def _state(state: str) -> PaymentState:
    try:
        return PaymentState(state)
    except ValueError:
        known = ", ".join(PaymentState)
        raise ValidationError([FieldError("state", f"use one of {known}", shown(state))]) from None
