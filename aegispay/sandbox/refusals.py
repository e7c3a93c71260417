"""Refusals before anything is carried out, and what they look like on the wire."""

from __future__ import annotations

from typing import Any

from aegispay.sandbox.objects import error_object


class RefusalError(Exception):
    """The request is refused; nothing happened, and nothing is kept under its key.

    Attributes:
        status: of the answer.
        body: of the answer.
    """

    def __init__(self, status: int, kind: str, code: str, message: str, **more: Any) -> None:
        self.status = status
        self.body = error_object(kind, code, message, **more)
        super().__init__(message)


def invalid(field: str, message: str) -> RefusalError:
    """Return the refusal of a field."""
    return RefusalError(400, "invalid_request", "invalid_field", f"{field}: {message}", field=field)


def too_large(bytes_max: int) -> RefusalError:
    """Return the refusal of a body that is too large."""
    return RefusalError(413, "invalid_request", "too_large", f"a body has at most {bytes_max} bytes")


def not_found(what: str) -> RefusalError:
    """Return the refusal of an id that does not exist."""
    return RefusalError(404, "invalid_request", "not_found", f"no such {what}")


def bad_api_key() -> RefusalError:
    """Return the refusal of a missing or unknown API key."""
    return RefusalError(401, "authentication", "invalid_api_key", "use Authorization: Bearer sk_sandbox_…")


def in_progress() -> RefusalError:
    """Return the refusal of a key whose first request is not finished."""
    return RefusalError(409, "in_progress", "in_progress", "a request with this idempotency key is still running")


def key_mismatch() -> RefusalError:
    """Return the refusal of a key that was used for something else."""
    return RefusalError(
        400, "idempotency_mismatch", "idempotency_mismatch", "the idempotency key was used for another request"
    )


def rate_limited(*, is_executed: bool) -> RefusalError:
    """Return the refusal of too many requests; it says so only where nothing was carried out."""
    more = {} if is_executed else {"executed": False}
    return RefusalError(429, "rate_limited", "rate_limited", "too many requests", **more)
