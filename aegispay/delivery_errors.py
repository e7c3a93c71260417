"""What can be wrong with handing events on, and with forgetting a customer."""

from __future__ import annotations

from datetime import datetime

from aegispay.errors import CorruptStoreError, FieldError, RequestError, StoreError, ValidationError


class DuplicateSubscriberError(RequestError):
    """Another subscription of this engine has the name already."""

    hint = "Give each subscription a name of its own, or unsubscribe the other one first."


class UnknownSubscriberError(RequestError):
    """No subscriber has this name."""

    hint = "`subscriptions()` lists every name, `aegispay subscriptions` too."


class CursorAheadError(StoreError):
    """A subscriber has read further than the log goes: the database is older than the subscriber.

    Attributes:
        subscriber: its name. position: where it stands. end: the last position in the log.
    """

    hint = (
        "The log was cut, or the subscriber comes from elsewhere. Unsubscribe the name with forget=True, and subscribe "
        "again from a position from which its consumer can bear to get events once more."
    )

    def __init__(self, *, subscriber: str, position: int, end: int) -> None:
        self.subscriber = subscriber
        self.position = position
        self.end = end
        super().__init__(f"{subscriber} has read up to position {position}, but the log ends at {end}")


class UnreadableEventError(CorruptStoreError):
    """An event in the log cannot be read: it is damaged, its key is missing, or a newer version wrote it.

    Attributes:
        position: in the log. payment_id, version: whose event, and which of its events.
        event_type: as it is kept. recorded_at: when it was committed; ``None`` when that is damaged too.
    """

    def __init__(
        self, why: str, *, position: int, payment_id: str, version: int, event_type: str, recorded_at: datetime | None
    ) -> None:
        self.position = position
        self.payment_id = payment_id
        self.version = version
        self.event_type = event_type
        self.recorded_at = recorded_at
        super().__init__(f"event {position} (version {version} of {payment_id}) cannot be read: {why}")

    @property
    def event_id(self) -> str:
        """The event's stable id."""
        return f"{self.payment_id}-{self.version}"


class DeadLetterNotFoundError(RequestError):
    """There is no such dead letter, or no longer: it was replayed or dropped."""

    hint = "`dead_letters()` lists what there is, `aegispay deadletters list` too."


class EffectsRefusedError(StoreError):
    """A statement of a transactional subscriber cannot be executed. Nothing was written."""

    hint = "Use your own tables only, made in `setup`; reads go through `query`, writes through `execute`."


class UnsafeAddressError(ValidationError):
    """A webhook's address must not be called: it is not https, or it leads inside."""

    hint = "Use an https address on the public internet; for tests, `WebhookPolicy` allows named exceptions."

    def __init__(self, message: str, *, field: str = "url", value: str | None = None) -> None:
        super().__init__([FieldError(field, message, value)])


class ErasureUnfinishedError(StoreError):
    """A customer is erased, but traces are left in the write-ahead log, because another program was reading."""

    hint = "Erase the customer again once that program has ended, or open the database anew: either clears them away."

    def __init__(self) -> None:
        super().__init__("the customer is erased, but traces of it are left in the database's write-ahead log")


class CustomerBusyError(RequestError):
    """The customer has payments that are not finished: what gateways may still have to be sent must not be forgotten.

    Attributes:
        payment_ids: the first of them.
    """

    hint = "Wait until they are finished, or cancel them; then erase the customer."

    def __init__(self, customer_id: str, payment_ids: tuple[str, ...]) -> None:
        self.payment_ids = payment_ids
        super().__init__(f"customer {customer_id} has unfinished payments: {', '.join(payment_ids)}")
