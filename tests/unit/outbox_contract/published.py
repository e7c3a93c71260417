"""``python -m tests.unit.outbox_contract.published`` writes `docs/events` anew and keeps what is published for ever.

It refuses a change that would break somebody: then the event needs another `schema_version` and a step in
`aegispay/domain/upcasting.py`. What `golden` keeps is never made anew; only what it does not have yet is added.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from aegispay.domain.event_codec import CLASSES, decode
from aegispay.domain.event_type import EventType
from aegispay.domain.evolve import evolve
from aegispay.domain.payment import Payment
from aegispay.outbox.envelope import PublicEvent, public_event
from aegispay.outbox.schemas import event_schema
from aegispay.ports import StoredEvent
from tests import builders as b
from tests.unit.domain.golden.make import HERE as LOGS
from tests.unit.outbox_contract.compatibility import Shape, incompatibilities, shape

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "events"
GOLDEN = Path(__file__).parent / "golden"
SHAPES = GOLDEN / "shapes.json"
ARCHIVE = GOLDEN / "published.jsonl"


def file_of(event_type: EventType, version: int) -> Path:
    return PUBLISHED / f"{event_type}.v{version}.json"


def kept_events() -> Iterator[tuple[str, StoredEvent, Payment]]:
    """Return story, event and payment after it, from the kept logs of all versions."""
    position = 0
    for path in sorted(LOGS.glob("version-*.jsonl")):
        payment: Payment | None = None
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if "payment" in line:
                payment = None
                continue
            event = decode(line["type"], line["schema_version"], json.dumps(line["data"]))
            payment = evolve(payment, event, payment_id=b.ID)
            position += 1
            stored = StoredEvent(
                position=position,
                payment_id=b.ID,
                version=payment.version,
                event=event,
                recorded_at=event.at,
                hash="",
            )
            yield line["story"], stored, payment


@cache
def examples() -> dict[EventType, PublicEvent]:
    """Return the first event of each type in the kept logs, as it is published."""
    found: dict[EventType, PublicEvent] = {}
    for _, stored, payment in kept_events():
        found.setdefault(stored.event.type, public_event(stored, payment))
    return found


def documented(event_type: EventType) -> dict[str, Any]:
    return {**event_schema(event_type), "examples": [examples()[event_type]]}


def as_text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def changes(event_type: EventType) -> list[str]:
    """Return what is incompatible with the committed schema of the same version."""
    path = file_of(event_type, CLASSES[event_type].schema_version)
    if not path.exists():
        return []
    return incompatibilities(shape(json.loads(path.read_text(encoding="utf-8"))), shape(event_schema(event_type)))


def kept_shapes() -> dict[str, dict[str, Shape]]:
    """Return the shapes as they were first published: by version, then by type."""
    kept: dict[str, dict[str, Shape]] = json.loads(SHAPES.read_text(encoding="utf-8")) if SHAPES.exists() else {}
    return kept


def archive() -> list[dict[str, Any]]:
    """Return what was published once: as a consumer may have kept it."""
    return [json.loads(line) for line in ARCHIVE.read_text(encoding="utf-8").splitlines()] if ARCHIVE.exists() else []


def name_in_shapes(event_type: EventType) -> str:
    return f"{event_type}.v{CLASSES[event_type].schema_version}"


def main() -> int:
    broken = {event_type: found for event_type in EventType if (found := changes(event_type))}
    for event_type, found in broken.items():
        sys.stderr.write(f"{event_type}: {'; '.join(found)}\n")
    if broken:
        sys.stderr.write("raise schema_version, and add a step to aegispay/domain/upcasting.py\n")
        return 1
    PUBLISHED.mkdir(exist_ok=True)
    kept = kept_shapes()
    for event_type in EventType:
        file_of(event_type, CLASSES[event_type].schema_version).write_text(
            as_text(documented(event_type)), encoding="utf-8"
        )
        kept.setdefault(name_in_shapes(event_type), shape(event_schema(event_type)))
    SHAPES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    known = {line["story"] for line in archive()}
    with ARCHIVE.open("a", encoding="utf-8") as file:
        for story, stored, payment in kept_events():
            if story not in known:
                file.write(json.dumps({"story": story, "event": public_event(stored, payment)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
