"""Settings as frozen data, whose constructor refuses what makes no sense with AegisPay's own error."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from aegispay.domain.settings_errors import field_errors
from aegispay.errors import ValidationError

_NAME = re.compile(r"[a-z0-9_-]{1,64}")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise PydanticCustomError("name", "use 1 to 64 of a-z, 0-9, _ and -")
    return name


Name = Annotated[str, Field(strict=True), AfterValidator(_check_name)]
"""Of gateways, experiments and arms: what a gateway may be called."""
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False, strict=True)]
"""Any number that is not negative; only the proportion to the other weights counts."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
"""A part of a whole, 0.0 to 1.0."""

_HINT = "Correct the settings; docs/routing.md lists those of each strategy."


class Settings(BaseModel):
    """Frozen data that refuses unknown keys and wrong values.

    Raises:
        ValidationError: from the constructor, naming each field, what would be right, and the value as given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except pydantic.ValidationError as error:
            known = tuple(type(self).model_fields)
            found = field_errors(error, given, known=lambda place: () if place else known)
            raise ValidationError(found, hint=_HINT) from None

    # Where it stands inside other data, pydantic validates it itself, and keeps the whole path of what is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]
