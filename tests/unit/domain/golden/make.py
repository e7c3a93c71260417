"""Keep what this version writes: ``python -m tests.unit.domain.golden.make 1`` adds new stories to ``version-1.jsonl``.

What was kept is never made anew: it stands for what users have on disk. Stories that the file has not yet are added at
its end, so every kind of event is in it. A new schema version gets a new file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pydantic_core

from aegispay.domain.payment import Payment
from tests.unit.domain.stories import STORIES, stored, told

HERE = Path(__file__).parent
_KNOWN = (
    "id", "merchant", "idempotency_key", "amount_minor", "currency", "payment_method", "customer", "metadata",
    "fingerprint", "state", "version", "created_at", "updated_at", "expires_at", "attempts", "operations", "incidents",
    "authorized_minor", "captured_minor", "refunded_minor", "charged_back_minor", "chargebacks", "refundable_minor",
    "capturable_minor", "is_expiry_announced", "action", "is_cancel_requested", "is_parked", "in_doubt", "failure",
    "retry", "added_metadata", "judgements", "risk_score", "trace",
)  # fmt: skip
"""What a reader of a payment can see, however it is kept inside."""


def shown(payment: Payment) -> dict[str, Any]:
    """Return what a payment shows, as JSON."""
    found: dict[str, Any] = pydantic_core.to_jsonable_python({name: getattr(payment, name) for name in _KNOWN})
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
    kept = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {json.loads(line)["story"] for line in kept}
    with path.open("a", encoding="utf-8") as log:
        for name in STORIES:
            if name not in known:
                log.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines(name))


if __name__ == "__main__":
    main(sys.argv[1])
