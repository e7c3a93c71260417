"""What can go wrong on purpose: each fault is data, says where it strikes, how often and when."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Data):
    """When a fault may strike, in seconds since the engine opened.

    Attributes:
        duration_s: how long; ``None`` for as long as the plan lasts.
    """

    start_s: Moment = 0.0
    duration_s: Seconds | None = None

    def covers(self, at_s: float) -> bool:
        """Return whether the moment lies in it; its end does not."""
        return at_s >= self.start_s and (self.duration_s is None or at_s < self.start_s + self.duration_s)


class Delay(_Data):
    """How long something takes.

    Attributes:
        distribution: ``uniform`` between `shortest_s` and `longest_s`; ``exponential`` from `shortest_s` on, cut off at
            `longest_s`, most of it in the first third.
    """

    distribution: Literal["uniform", "exponential"] = "uniform"
    shortest_s: Moment = 0.0
    longest_s: Seconds

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.shortest_s > self.longest_s:
            raise ValueError("shortest_s is larger than longest_s")
        return self


class Burst(_Data):
    """A fault that has struck strikes again.

    Attributes:
        length: how many more calls to the same gateway it strikes.
        within_s: and for how long at most.
    """

    length: Annotated[int, Field(ge=1, le=1_000)]
    within_s: Seconds


class Cascade(_Data):
    """A fault at one gateway spreads to the others.

    Attributes:
        rate: how likely each other gateway is drawn in, by each time it strikes.
        duration_s: how long such a gateway then fails every call.
    """

    rate: Share
    duration_s: Seconds


class When(StrEnum):
    """Whether something strikes before or after the real thing was done."""

    BEFORE = "before"
    AFTER = "after"


class Operation(StrEnum):
    """What a gateway can be asked, by the names of the port's methods."""

    CHARGE = "charge"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    COMPLETE_ACTION = "complete_action"
    FETCH_PAYMENT = "fetch_payment"
    FETCH_OPERATION = "fetch_operation"


SENDS = frozenset(Operation) - {Operation.FETCH_PAYMENT, Operation.FETCH_OPERATION}
"""What moves money."""


class FaultBase(_Data):
    """What all faults share.

    Attributes:
        rate: how likely it strikes each time it could, 0 to 1.
        every: instead of a rate: each so many'th time.
        times: how often at most; ``None`` as often as the plan allows.
    """

    rate: Share = 1.0
    every: Count | None = None
    times: Count | None = None
    window: Window = Window()

    @model_validator(mode="after")
    def _one_frequency(self) -> Self:
        if self.every is not None and self.rate < 1:
            raise ValueError("give either a rate or every, not both")
        return self


class _GatewayFault(FaultBase):
    """A fault of a gateway.

    Attributes:
        gateway: whose; ``None`` for all.
        operations: which calls; those that move money by default, not the questions what became of them.
        burst: whether it strikes again; ``None`` for no.
        cascade: whether it spreads; ``None`` for no.
    """

    gateway: Name | None = None
    operations: frozenset[Operation] = SENDS
    burst: Burst | None = None
    cascade: Cascade | None = None


class GatewayLatency(_GatewayFault):
    """The call takes longer."""

    kind: Literal["gateway_latency"] = "gateway_latency"
    delay: Delay


class GatewayError(_GatewayFault):
    """The connection fails: before the call, nothing was sent, surely; after it, the answer is lost."""

    kind: Literal["gateway_error"] = "gateway_error"
    when: When = When.BEFORE


class GatewayTimeout(_GatewayFault):
    """The adapter gives up after `after_s`; whether the call was carried out, only `when` knows."""

    kind: Literal["gateway_timeout"] = "gateway_timeout"
    when: When = When.BEFORE
    after_s: Seconds = 5.0


class GatewayHang(_GatewayFault):
    """The call never ends, until the engine gives it up."""

    kind: Literal["gateway_hang"] = "gateway_hang"
    when: When = When.BEFORE


class GatewayUnavailable(_GatewayFault):
    """A 503: an answer that does not say whether the call was carried out."""

    kind: Literal["gateway_unavailable"] = "gateway_unavailable"
    when: When = When.BEFORE


class GatewayRateLimit(_GatewayFault):
    """A 429 with its advice; the call is not carried out."""

    kind: Literal["gateway_rate_limit"] = "gateway_rate_limit"
    retry_after_s: Seconds = 1.0


class GatewayWrongAmount(_GatewayFault):
    """An approval says `by_minor` minor units more or, if negative, less than was moved."""

    kind: Literal["gateway_wrong_amount"] = "gateway_wrong_amount"
    by_minor: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 1

    @model_validator(mode="after")
    def _wrong(self) -> Self:
        if self.by_minor == 0:
            raise ValueError("by_minor is 0, which is not wrong")
        return self


class GatewayWrongCurrency(_GatewayFault):
    """An approval names another currency than was moved."""

    kind: Literal["gateway_wrong_currency"] = "gateway_wrong_currency"


class GatewayMalformed(_GatewayFault):
    """The call is carried out and its answer cannot be read."""

    kind: Literal["gateway_malformed"] = "gateway_malformed"


class GatewayExhaustion(_GatewayFault):
    """Connections run out: calls beyond `connections_max` at once are surely not sent."""

    kind: Literal["gateway_exhaustion"] = "gateway_exhaustion"
    connections_max: Annotated[int, Field(ge=0, le=100_000)]


class ActorKind(StrEnum):
    """The actors that a fault can reach; supervisors are not among them: somebody has to mend what breaks."""

    PAYMENT = "payment"
    GATEWAY = "gateway"
    ROUTER = "router"
    SCHEDULER = "scheduler"


class _ActorFault(FaultBase):
    """A fault of an actor or of a message to it.

    Attributes:
        actor: which kind; ``None`` for all.
        message: the message's class, such as ``OutcomeArrived``; ``None`` for all.
    """

    actor: ActorKind | None = None
    message: Name | None = None


class ActorCrash(_ActorFault):
    """The actor crashes before it handles a message, or after it did and before anybody hears of it."""

    kind: Literal["actor_crash"] = "actor_crash"
    when: When = When.BEFORE


class MessageDelay(_ActorFault):
    """A message arrives later, after others that were sent later."""

    kind: Literal["message_delay"] = "message_delay"
    delay: Delay


class MessageDuplicate(_ActorFault):
    """A message arrives twice; the second copy after `delay`."""

    kind: Literal["message_duplicate"] = "message_duplicate"
    delay: Delay = Delay(longest_s=1.0)


class Droppable(StrEnum):
    """Messages whose loss is made good by a timer of whoever waits for what they bring about."""

    WAKE = "Wake"
    OUTCOME = "OutcomeArrived"
    PLACE_CALL = "PlaceCall"
    REPORT = "GatewayReport"


class MessageDrop(FaultBase):
    """A message is lost. Only those can be whose loss the engine makes good by itself."""

    kind: Literal["message_drop"] = "message_drop"
    message: Droppable


class StoreWrite(StrEnum):
    """What the store writes, by the names of the port's methods."""

    APPEND = "append"
    BEGIN_RECOVERIES = "begin_recoveries"
    END_RECOVERY = "end_recovery"
    PARK = "park"
    UNPARK = "unpark"
    RECEIVE = "receive"
    INBOX_MERGED = "inbox_merged"
    INBOX_POSTPONE = "inbox_postpone"
    SAVE_GATEWAY = "save_gateway"
    ADVANCE = "advance"


class _StoreFault(FaultBase):
    """A fault of the store.

    Attributes:
        operations: which writes; appending events by default.
    """

    operations: frozenset[StoreWrite] = frozenset({StoreWrite.APPEND})


class StoreFails(_StoreFault):
    """The store refuses before it writes."""

    kind: Literal["store_error"] = "store_error"


class StoreCommitUnknown(_StoreFault):
    """The store writes, and then fails to say so."""

    kind: Literal["store_commit_unknown"] = "store_commit_unknown"


class StoreSlow(_StoreFault):
    """A commit takes longer."""

    kind: Literal["store_slow"] = "store_slow"
    delay: Delay


class StoreFull(_StoreFault):
    """The disk is full: every write is refused as long as the window lasts, whatever the operation."""

    kind: Literal["store_full"] = "store_full"
    operations: frozenset[StoreWrite] = frozenset(StoreWrite)


class StoreBusy(_StoreFault):
    """Somebody else holds the database: refused after `after_s`."""

    kind: Literal["store_busy"] = "store_busy"
    after_s: Seconds = 1.0


class ClockJump(FaultBase):
    """The wall clock is off by `by_s` as long as the window lasts, back if negative. Monotonic time never jumps."""

    kind: Literal["clock_jump"] = "clock_jump"
    by_s: Annotated[float, Field(ge=-31_536_000, le=31_536_000, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _only_by_time(self) -> Self:
        if self.every is not None or self.rate < 1 or self.times is not None:
            raise ValueError("a clock is off or it is not: give a window, and neither rate, every nor times")
        return self


class ListenerFails(FaultBase):
    """A listener to events fails: a hook of the engine's, or one wrapped by `Chaos.listener`, which raises.

    Attributes:
        listener: its name; ``None`` for all.
    """

    kind: Literal["listener_error"] = "listener_error"
    listener: Name | None = None


GatewayFault = (
    GatewayLatency
    | GatewayError
    | GatewayTimeout
    | GatewayHang
    | GatewayUnavailable
    | GatewayRateLimit
    | GatewayWrongAmount
    | GatewayWrongCurrency
    | GatewayMalformed
    | GatewayExhaustion
)
StoreFault = StoreFails | StoreCommitUnknown | StoreSlow | StoreFull | StoreBusy
MessageFault = MessageDelay | MessageDuplicate | MessageDrop
Fault = Annotated[
    GatewayFault | ActorCrash | MessageFault | StoreFault | ClockJump | ListenerFails, Field(discriminator="kind")
]
"""Everything that can go wrong."""
