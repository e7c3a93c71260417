"""What older versions wrote, brought to the form that is read today: one pure step from each version to the next."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aegispay.domain.event import Event

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event's JSON object in one version, returns it in the next; it never asks for anything else."""

UPCASTERS: Mapping[type[Event], tuple[Upcaster, ...]] = {}
"""For each class that has had more than one version: the step from 1 to 2, from 2 to 3, up to today's."""


def upcast(made: type[Event], schema_version: int, data: bytes | str) -> bytes:
    """Return what an older version stored, as today's version would have stored it. What is stored stays as it is.

    Args:
        made: the class that carries the event today.
        schema_version: the version it was written with.
        data: its JSON.

    Raises:
        ValueError: the version is not an older one that is known, or the data does not fit it. It shows no values.
    """
    steps = UPCASTERS.get(made, ())
    if not 1 <= schema_version <= len(steps):
        newer = ": a newer one wrote it" if schema_version > made.schema_version else ""
        raise ValueError(f"schema version {schema_version} is not known to this AegisPay{newer}")
    try:
        read = json.loads(data)
        for step in steps[schema_version - 1 :]:
            read = step(read)
        return json.dumps(read).encode()
    except Exception as error:  # noqa: BLE001 - whatever a step makes of data that does not fit it
        raise ValueError(f"not readable as schema version {schema_version}: {type(error).__name__}") from None
