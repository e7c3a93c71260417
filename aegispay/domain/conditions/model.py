"""Conditions as data: comparisons, and all, any and not of them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from aegispay.domain.conditions.fields import FIELDS, METADATA, spec_of
from aegispay.domain.conditions.kinds import Kind
from aegispay.domain.conditions.operators import Operator
from aegispay.domain.conditions.refusals import refusal, refuse_unknown, wrong
from aegispay.domain.conditions.values import Value, check_value
from aegispay.domain.money import currencies

DEPTH_MAX = 8
"""Levels of all, any and not: nobody understands more."""
PARTS_MAX = 200
"""Comparisons and groups in one condition."""
_NAME_MAX = 300
"""Characters of a field's name: long enough for the longest path into metadata that makes sense."""


class _Data(BaseModel):
    """Frozen data whose constructor refuses with AegisPay's own error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    def __init__(self, **fields: Any) -> None:
        """Check the fields.

        Raises:
            ValidationError: naming every one that is wrong.
        """
        try:
            super().__init__(**fields)
        except pydantic.ValidationError as error:
            raise refusal(error, fields, "condition") from None

    # Not called for a condition inside another model, so that pydantic can tell the whole path of what is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


class Comparison(_Data):
    """One field against one value.

    Attributes:
        field: see docs/rules.md; ``metadata.`` and a path of keys for metadata.
        currency: ISO 4217 code, for amounts only: payments of other currencies do not match.
        time_zone: IANA name, for times only; UTC when absent.
        value: amounts in major units; a list for ``in`` and ``not_in``; lowest and highest, both included, for
            ``between``; true or false for ``exists``, true when absent.
    """

    field: str
    operator: Operator
    currency: Annotated[str | None, Field(validate_default=True)] = None
    time_zone: str | None = None
    value: Annotated[Value, Field(validate_default=True)] = None

    @property
    def kind(self) -> Kind:
        """The kind of the field's values."""
        spec = spec_of(self.field)
        assert spec is not None, "checked when it was built"
        return spec.kind

    @property
    def operands(self) -> tuple[Any, ...]:
        """The values to compare with, in the form in which they are compared; a pattern and ``exists`` as they are."""
        if self.operator in {Operator.EXISTS, Operator.MATCHES}:
            return (self.value,)
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        kind = self.kind
        return tuple(kind.operand(value, self.currency or "") for value in values)

    @field_validator("field")
    @classmethod
    def _known_field(cls, field: str) -> str:
        if len(field) > _NAME_MAX:
            raise wrong(f"is longer than {_NAME_MAX} characters")
        if spec_of(field) is None:
            raise wrong(_unknown_field(field))
        return field

    @field_validator("operator", mode="before")
    @classmethod
    def _fitting_operator(cls, given: object, info: pydantic.ValidationInfo) -> Operator:
        if not isinstance(given, str) or given not in set(Operator):
            near = get_close_matches(given[:_NAME_MAX], list(Operator), n=1) if isinstance(given, str) else []
            raise wrong(f"is not known; did you mean {near[0]}?" if near else f"use one of {', '.join(Operator)}")
        operator, field = Operator(given), info.data.get("field")
        spec = None if field is None else spec_of(field)
        if spec is None:
            return operator
        if operator is Operator.EXISTS and spec.is_always_there:
            raise wrong(f"every payment has its {field}; leave this condition out")
        if operator is not Operator.EXISTS and operator not in spec.kind.operators:
            fitting = [each for each in Operator if each in spec.kind.operators]
            raise wrong(f"does not fit {field}; use one of {', '.join(fitting)}")
        return operator

    @field_validator("currency")
    @classmethod
    def _currency_of_amount(cls, currency: str | None, info: pydantic.ValidationInfo) -> str | None:
        field = info.data.get("field")
        if field is not None and (field == "amount") != (currency is not None):
            raise wrong("an amount needs its currency, such as USD" if currency is None else f"{field} takes none")
        if currency is not None and currency not in set(currencies()):
            raise wrong("use an ISO 4217 code such as USD, EUR or JPY")
        return currency

    @field_validator("time_zone")
    @classmethod
    def _zone_of_time(cls, zone: str | None, info: pydantic.ValidationInfo) -> str | None:
        field = info.data.get("field")
        if zone is None or field is None:
            return zone
        if not field.startswith("time."):
            raise wrong(f"{field} takes none")
        try:
            ZoneInfo(zone[:_NAME_MAX])
        except (ValueError, OSError, LookupError):
            raise wrong("use an IANA time zone such as Europe/Berlin") from None
        return zone

    @field_validator("value", mode="before")
    @classmethod
    def _fitting_value(cls, given: Any, info: pydantic.ValidationInfo) -> Value:
        known = info.data
        if not {"field", "operator", "currency"} <= known.keys():
            return None
        spec = spec_of(known["field"])
        assert spec is not None, "checked before"
        return check_value(given, spec.kind, known["operator"], known["currency"] or "")


def _unknown_field(field: str) -> str:
    if field.startswith(METADATA) or field == METADATA[:-1]:
        return "use metadata. and 1 to 8 keys with dots between them, such as metadata.tier"
    near = [name for name in FIELDS if name.endswith(f".{field}")] or get_close_matches(field, FIELDS, n=1)
    known = ", ".join(name for name in FIELDS if "_address" not in name)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {known} and metadata.…"


def _at_least_one(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if not conditions:
        raise wrong("must have at least one condition")
    return conditions


class AllOf(_Data):
    """Every one of these must match."""

    conditions: tuple[AnyCondition, ...] = Field(alias="all")

    _some = field_validator("conditions")(_at_least_one)


class AnyOf(_Data):
    """At least one of these must match."""

    conditions: tuple[AnyCondition, ...] = Field(alias="any")

    _some = field_validator("conditions")(_at_least_one)


class Not(_Data):
    """This must not match."""

    condition: AnyCondition = Field(alias="not")


Condition = Comparison | AllOf | AnyOf | Not
_GROUPS: dict[str, type[AllOf | AnyOf | Not]] = {"all": AllOf, "any": AnyOf, "not": Not}
_KEYS = (*Comparison.model_fields, *_GROUPS)


def _read(given: Any) -> Condition:
    """Return the condition that a mapping describes; in pydantic's own errors, which keep the path."""
    _check_size(given)
    if isinstance(given, Condition):
        return given
    if not isinstance(given, Mapping):
        raise wrong("use a condition: a mapping with a field, an operator and a value, or with all, any or not")
    refuse_unknown(given, _KEYS)
    groups = [key for key in _GROUPS if key in given]
    if not groups:
        return Comparison.model_validate(dict(given))
    if len(given) > 1:
        raise wrong(f"{groups[0]} stands alone; put what stands beside it into a list under all")
    return _GROUPS[groups[0]].model_validate(dict(given))


AnyCondition = Annotated[Condition, BeforeValidator(_read)]
"""Any condition: an object, or a mapping as it stands in a file."""


def _check_size(given: Any) -> None:
    """Refuse what is nested too deep or has too many parts, without looking further than it takes to know."""
    parts, level = 0, [given]
    for _ in range(DEPTH_MAX):
        level = [inner for each in level for inner in _inside(each)]
        parts += len(level)
        if parts > PARTS_MAX:
            raise wrong(f"has more than {PARTS_MAX} parts")
        if not level:
            return
    raise wrong(f"is nested more than {DEPTH_MAX} levels deep")


def _inside(given: Any) -> list[Any]:
    """Return the conditions right inside this one."""
    match given:
        case AllOf() | AnyOf():
            return list(given.conditions)
        case Not():
            return [given.condition]
        case Mapping():
            found = [given["not"]] if "not" in given else []
            for key in ("all", "any"):
                listed = given.get(key)
                found += listed[: PARTS_MAX + 1] if isinstance(listed, list | tuple) else []
            return found
        case _:
            return []


for _group in (AllOf, AnyOf, Not):
    _group.model_rebuild()

_ADAPTER: pydantic.TypeAdapter[Condition] = pydantic.TypeAdapter(AnyCondition)


def parse_condition(given: Any, *, path: str = "condition") -> Condition:
    """Return a condition from a mapping.

    Raises:
        ValidationError: naming every place that is wrong, from `path` on.
    """
    try:
        return _ADAPTER.validate_python(given)
    except pydantic.ValidationError as error:
        raise refusal(error, given, path) from None
