"""The results file: one JSON object per row, in the order of the rows."""

from __future__ import annotations

import json
from typing import Any

from aegispay.cli.rows import BadRow
from aegispay.domain.payment import Payment


def accepted(line: int, payment: Payment) -> str:
    """Return the line for an accepted row."""
    failure = payment.failure
    return _dump(
        {
            "line": line,
            "idempotency_key": payment.idempotency_key,
            "payment_id": payment.id,
            "state": payment.state.value,
            "in_doubt": payment.in_doubt,
            "amount": f"{payment.money.to_decimal():f}",
            "currency": payment.currency,
            "gateway": payment.gateway,
            "attempts": len(payment.attempts),
            "failure": None if failure is None else {"reason": failure.reason.value, "code": failure.code},
        }
    )


def rejected(bad: BadRow) -> str:
    """Return the line for a row that was not accepted."""
    return _dump({"line": bad.line, "error": {"column": bad.column, "reason": bad.reason}})


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True) + "\n"
