"""Plans from files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pydantic

from aegispay.chaos.faults import Fault
from aegispay.chaos.plan import ChaosPlan
from aegispay.chaos.presets import preset
from aegispay.data_files import Place, read_data_file
from aegispay.domain.settings_errors import field_errors
from aegispay.errors import ConfigurationError, FieldError

_HINT = "Correct the plan; docs/chaos.md lists every fault and its settings."


def load_plan(path: str | Path) -> ChaosPlan:
    """Return the plan that a YAML, TOML or JSON file holds; a text under ``plans`` names a preset.

    Raises:
        ConfigurationError: the file cannot be read, or something in it is wrong; it names file, line and setting.
    """
    file = read_data_file(path)
    if not isinstance(file.data, dict):
        raise ConfigurationError(
            [FieldError("plan", "is a mapping with faults or plans", origin=file.where())], hint=_HINT
        )
    data = _with_presets(file.data)
    try:
        return ChaosPlan.model_validate_json(_json(data))
    except pydantic.ValidationError as error:
        found = field_errors(error, data, known=partial(_known, data), origin=file.where)
        raise ConfigurationError(found, hint=_HINT) from None


def _json(data: Any) -> str:
    # As JSON, because only there a list is a set or a tuple, and a text one of an enum's.
    return pydantic.TypeAdapter(Any).dump_json(data).decode()


def _with_presets(data: Any) -> Any:
    plans = data.get("plans") if isinstance(data, dict) else None
    if not isinstance(plans, list):
        return data
    return data | {
        "plans": [
            preset(each).model_dump(mode="json") if isinstance(each, str) else _with_presets(each) for each in plans
        ]
    }


def _known(data: Any, place: Place) -> Iterable[str]:
    """Return the names that may stand in the mapping at a place, where that is a plan or a fault."""
    found = data
    for part in place:
        found = found[part]
    if len(place) % 2 == 0 and all(part == "plans" for part in place[::2]):
        return tuple(ChaosPlan.model_fields)
    kind = found.get("kind") if isinstance(found, dict) else None
    return tuple(_FAULTS[kind].model_fields) if kind in _FAULTS else ()


_FAULTS: dict[Any, type[pydantic.BaseModel]] = {
    fault.model_fields["kind"].default: fault for fault in get_args(get_args(Fault)[0])
}
