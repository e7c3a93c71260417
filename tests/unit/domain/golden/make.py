"""Keep what this version writes: ``python -m tests.unit.domain.golden.make 1`` makes ``version-1.jsonl``, once.

A log that was kept is never made anew: it stands for what users have on disk. A new schema version gets a new file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pydantic

from aegispay.domain.payment import Payment
from tests.unit.domain.stories import STORIES, stored, told

HERE = Path(__file__).parent
_PAYMENT = pydantic.TypeAdapter(Payment)


def shown(payment: Payment) -> dict[str, Any]:
    """Return all of a payment as JSON."""
    found: dict[str, Any] = json.loads(_PAYMENT.dump_json(payment, warnings=False))
    return found


def lines(name: str) -> list[dict[str, Any]]:
    *_, (_, payment) = told(name)
    events = [
        {"story": name, "type": kind, "schema_version": version, "data": json.loads(data)}
        for kind, version, data in stored(name)
    ]
    return [*events, {"story": name, "payment": shown(payment)}]


def main(version: str) -> None:
    path = HERE / f"version-{version}.jsonl"
    with path.open("x", encoding="utf-8") as log:
        for name in STORIES:
            log.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines(name))


if __name__ == "__main__":
    main(sys.argv[1])
