"""Whether a contract claims more of the sandbox's idempotency keys than that sandbox keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from aegispay.domain.contract import GatewayContract

_UNTOLD = object()


def excessive_claims(contract: GatewayContract, health: object) -> list[str]:
    """Return what the contract claims and the sandbox does not keep, one text for each; empty when all is well.

    A contract without keys claims nothing. What an older sandbox does not tell is not held against it.

    Args:
        contract: what is declared.
        health: the body of the sandbox's answer to ``GET /v1/health``.
    """
    told = health if isinstance(health, dict) else {}
    return list(_excessive(contract, told)) if contract.idempotency_window_s else []


def _excessive(contract: GatewayContract, told: dict[str, object]) -> Iterator[str]:
    covers = told.get("key_covers_failures", _UNTOLD)
    if contract.key_covers_failures and covers is not True and covers is not _UNTOLD:
        yield f"key_covers_failures=True, the sandbox keeps {_shown(covers)}"
    window_s, claimed_s = told.get("key_window_s", _UNTOLD), contract.idempotency_window_s or 0.0
    if window_s is not _UNTOLD and not (_is_number(window_s) and window_s >= claimed_s):
        yield f"idempotency_window_s={claimed_s}, the sandbox keeps {_shown(window_s)}"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    return str(value) if value is False or _is_number(value) else "something else"
