"""Every exception AegisPay raises: one root, four families, each with a cause and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AegisPayError(Exception):
    """Root of all AegisPay errors.

    Attributes:
        hint: what the caller can do about it, one sentence, never empty.
    """

    hint = "See the message."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


# --- the request is wrong: change it ---------------------------------------------------------------


class RequestError(AegisPayError):
    """The request cannot be carried out as it stands; repeating it unchanged gives the same answer."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field of a request.

    Attributes:
        field: dotted path of the field, for example ``customer.billing_address.country``.
        message: what is wrong and what would be right.
        value: the value as given, shortened; ``None`` where showing it could leak card data or a secret.
        origin: where it was set, for settings: a file with its line, or an environment variable.
    """

    field: str
    message: str
    value: str | None = None
    origin: str = ""

    def __str__(self) -> str:
        shown = "" if self.value is None else f" (got {self.value})"
        where = f"{self.origin}: " if self.origin else ""
        return f"{where}{self.field}: {self.message}{shown}"


class ValidationError(RequestError):
    """One or more fields of a request are invalid. Nothing was stored and no gateway was called.

    Attributes:
        errors: every problem found, in the order of the fields.
    """

    hint = "Correct the named fields and send the request again with the same idempotency key."

    def __init__(self, errors: Sequence[FieldError], *, hint: str | None = None) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(str(error) for error in self.errors), hint=hint)


class ConfigurationError(ValidationError):
    """A setting is wrong, or a file of settings cannot be used. Nothing was changed."""

    hint = "Correct the named settings; docs/configuration.md lists them with their units and defaults."


class ConfigurationConflictError(RequestError):
    """Somebody else has changed the settings meanwhile. Nothing was changed.

    Attributes:
        expected: the revision that the change was made for.
        actual: the one in force.
    """

    hint = "Read `configuration()`, decide anew, and pass its revision."

    def __init__(self, *, expected: int, actual: int) -> None:
        self.expected = expected
        self.actual = actual
        super().__init__(f"the change was made for revision {expected} of the settings; revision {actual} is in force")


class CardDataError(RequestError):
    """Card data stands where only a token may stand. The value is never repeated in the message."""

    hint = "Tokenise the card with your gateway or vault and pass the token; AegisPay never takes card numbers."

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"{field}: looks like card data and was refused; the value is not shown")


class CurrencyMismatchError(RequestError):
    """Two amounts of different currencies were added, subtracted or compared."""

    hint = "Convert one of the amounts yourself; AegisPay never converts currencies."


class IdempotencyConflictError(RequestError):
    """The idempotency key was used before for a different request.

    Attributes:
        payment_id: the payment that owns the key.
        fields: dotted paths of the fields that differ.
    """

    hint = "Use a new idempotency key for a new payment, or repeat the original request unchanged."

    def __init__(self, *, payment_id: str, fields: Sequence[str]) -> None:
        self.payment_id = payment_id
        self.fields = tuple(fields)
        super().__init__(
            f"the idempotency key already belongs to {payment_id}, whose request differs in: {', '.join(fields)}"
        )


class PaymentNotFoundError(RequestError):
    """No payment has this id or key."""

    hint = "Check the id and that the engine is open on the right database."


class IllegalTransitionError(RequestError):
    """The command is not allowed in the payment's state.

    Attributes:
        state: the payment's state when the command arrived.
        command: name of the refused command.
        reason: the rejection's phrase-like name.
    """

    hint = "Read the payment's state first; docs/state-machine.md shows what each state allows."

    def __init__(self, *, state: str, command: str, reason: str) -> None:
        self.state = state
        self.command = command
        self.reason = reason
        super().__init__(f"{command} is not possible while the payment is {state}: {reason.replace('_', ' ')}")


class OperationRefusedError(RequestError):
    """A capture, void or refund does not fit what has happened to the money. Nothing changed.

    Attributes:
        payment_id: whose money.
        kind: ``capture``, ``void`` or ``refund``.
        reason: the rejection's phrase-like name.
        available_minor: how much would fit, in minor units.
    """

    hint = (
        "Read the payment: `capturable_minor` and `refundable_minor` say what is left, `operations` what is under way."
    )

    def __init__(self, message: str, *, payment_id: str, kind: str, reason: str, available_minor: int) -> None:
        self.payment_id = payment_id
        self.kind = kind
        self.reason = reason
        self.available_minor = available_minor
        super().__init__(message)


class NotInDoubtError(RequestError):
    """There is nothing, or not just one thing, in doubt that a verdict could settle."""

    hint = "Read `payment.doubts`, and name the one you mean by its id."


class HookRefusedError(RequestError):
    """A lifecycle hook refused the operation before it began. Nothing changed.

    Attributes:
        hook: its name.
        operation: what it refused: ``create``, ``capture``, …
        reason: its words.
    """

    hint = "Read the hook's reason in the message; `aegis.hooks.list()` shows what is registered."

    def __init__(self, *, hook: str, operation: str, reason: str) -> None:
        self.hook = hook
        self.operation = operation
        self.reason = reason
        super().__init__(f"hook {hook} refused to {operation}: {reason}")


class UnknownHookError(RequestError):
    """No hook of that name is registered."""

    hint = "Use one of the names in the message."


# --- a gateway is the trouble -----------------------------------------------------------------------


class GatewayError(AegisPayError):
    """Something about a gateway, before money was involved."""


class UnknownGatewayError(GatewayError):
    """No gateway of that name is registered."""

    hint = "Register the gateway first, or use one of the names in the message."


class UnsupportedOperationError(GatewayError):
    """The gateway that holds the money cannot do this, so it was not asked. Nothing changed."""

    hint = "See the gateway's contract for what it can do."


class DuplicateGatewayError(GatewayError):
    """A gateway of that name is registered already."""

    hint = "Give each gateway its own name."


class NoGatewayError(GatewayError):
    """The engine has no gateway at all, so no payment can be processed."""

    hint = "Pass gateways=[...] to AegisPay or call register_gateway before processing payments."


class RefusedWebhook(StrEnum):
    """Why a webhook was refused."""

    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"


class NotSentError(GatewayError):
    """Raised by an adapter that is certain no byte of the request reached the provider.

    This is the only exception of an adapter that permits another gateway to be tried;
    every other one makes the outcome unknown.
    """

    hint = "Nothing was charged; the payment may be tried elsewhere."


class WebhookRefusedError(GatewayError):
    """A webhook is not genuine, too old, too large or cannot be read. Nothing was kept.

    Attributes:
        reason: why, in one word.
    """

    hint = "Check the endpoint's secret and that nothing changes the body or its headers on the way."

    def __init__(self, message: str, *, reason: RefusedWebhook, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


# --- the store is the trouble -----------------------------------------------------------------------


class StoreError(AegisPayError):
    """The event store could not do what was asked."""


class VersionConflictError(StoreError):
    """Somebody else appended to the stream first. Nothing of this append was written."""

    hint = "Read the stream again and decide anew."

    def __init__(self, *, payment_id: str, expected: int, actual: int) -> None:
        self.payment_id = payment_id
        self.expected = expected
        self.actual = actual
        super().__init__(f"{payment_id}: expected version {expected}, the store has {actual}")


class FencedError(StoreError):
    """Another engine has taken this database over. Nothing of this append was written."""

    hint = "Close this engine; the newer one owns the database now."


class StoreUnavailableError(StoreError):
    """The store refused before writing (disk full, busy, read-only, closed). Surely nothing was written."""

    hint = "Free space or fix the file, then repeat the request with the same idempotency key."


class CommitUnknownError(StoreError):
    """The store failed while committing; the write may or may not have happened."""

    hint = "Repeat the request with the same idempotency key; the log is read first."


class LimitReachedError(StoreError):
    """One of the append's marks has reached its limit. Nothing of this append was written.

    Attributes:
        payment_id: whose append was refused.
        key: the key that is counted; a hash, or what its user chose.
        most: how many the limit allows within `window_s` seconds.
        frees_at: when there is room for one again, unless more are counted before.
    """

    hint = "Wait until `frees_at`; asking again before it gives the same answer."

    def __init__(self, *, payment_id: str, key: str, most: int, window_s: float, frees_at: datetime) -> None:
        self.payment_id = payment_id
        self.key = key
        self.most = most
        self.window_s = window_s
        self.frees_at = frees_at
        super().__init__(f"{payment_id}: {most} within {window_s:g} s are counted already; there is room at {frees_at}")


class StoreOpenError(StoreError):
    """The database cannot be opened (a directory, not writable, not a database, corrupt)."""

    hint = "Check the path and the permissions, or restore a backup."


class StoreLockedError(StoreOpenError):
    """Another engine has this database open."""

    hint = "One engine per database: close the holder named in the message first."


class NewerSchemaError(StoreOpenError):
    """The database was written by a newer AegisPay."""

    hint = "Upgrade AegisPay; an older version never touches a newer database."


class CorruptStoreError(StoreError):
    """Stored events cannot be read back, or break the chain or an invariant."""

    hint = "Run `aegispay verify` to see every damaged event, then restore from a backup."


# --- the engine is the trouble ----------------------------------------------------------------------


class EngineStateError(AegisPayError):
    """The engine cannot take the request now."""


class EngineClosedError(EngineStateError):
    """The engine is not open."""

    hint = "Use `async with AegisPay(...)`, or open a new engine."


class OverloadedError(EngineStateError):
    """A bound was reached and the request was refused before anything happened."""

    hint = "Back off and send the same request again with the same idempotency key."


class BeingAskedError(EngineStateError):
    """A gateway is being asked about it at this moment, and its answer goes before a person's verdict."""

    hint = "Read the payment in a minute; if it is still in doubt, give the verdict again."


class PaymentParkedError(EngineStateError):
    """Set aside: its actor kept crashing, or a hook wants a review. It refuses commands until a person decides."""

    hint = "Read the cause in the message and the payment's events; `review_payment` or `unpark_payment` lets it go on."


class PaymentTimeoutError(EngineStateError):
    """The answer did not come before the caller's deadline. The payment itself goes on."""

    hint = "Read the payment later, or repeat the request with the same idempotency key."


class EngineFailedError(EngineStateError):
    """A supervisor gave up: the engine stopped because a common cause kept crashing its parts."""

    hint = "Read the cause in the message and the log, then open a new engine; nothing acknowledged is lost."
