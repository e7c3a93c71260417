"""What payment actors work with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pykka import ActorRef

from aegispay.actors.calls import CallResult, CallScope
from aegispay.config import AegisPayConfig
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.evidence import Evidence
from aegispay.domain.payment import Payment
from aegispay.errors import FencedError, IllegalTransitionError
from aegispay.hooks.runner import HookRunner
from aegispay.observability.telemetry import Telemetry
from aegispay.ports import Clock, EventStore, Gateway
from aegispay.settings import Settings


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A registered gateway and how to find the actor that guards it."""

    gateway: Gateway
    find: Callable[[], ActorRef[Any]]

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor's ref, looked up: the actor may have been started anew."""
        return self.find()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentServices:
    """What payment actors work with.

    Attributes:
        config: what the engine was started with; of those settings that may change meanwhile, it has the first values.
        settings: what is in force, and what payments under way have started with.
        find_router: looked up for each question, because the router may have been started anew.
        deliver: hands a call's result to the payment it is about, whichever incarnation lives then.
        is_halted: whether the engine may call gateways no more.
        fenced: called when another engine turns out to own the store.
        committed: called after each commit, and after reading a payment anew: somebody may wait for what it says.
        doubt_ended: called when what was in doubt is settled: after how many seconds, and by what evidence.
        looked_at: called when a gateway was asked on somebody's behalf and nothing has changed.
        recovered: called when a payment that was interrupted has survived what it was doing then.
        hooks: asks and tells hooks.
        telemetry: counts and traces.
        source: of randomness that nobody can guess, unless a test has seeded it.
    """

    store: EventStore
    clock: Clock
    config: AegisPayConfig
    settings: Settings
    find_router: Callable[[], ActorRef[Any]]
    gateways: Mapping[str, GatewayEntry]
    calls: CallScope
    deliver: Callable[[CallResult], None]
    is_halted: Callable[[], bool]
    fenced: Callable[[FencedError], None]
    committed: Callable[[Payment], None]
    doubt_ended: Callable[[float, Evidence], None]
    looked_at: Callable[[Payment], None]
    recovered: Callable[[str], None]
    hooks: HookRunner
    telemetry: Telemetry
    source: random.Random

    def now(self) -> datetime:
        """Return the wall clock."""
        return self.clock.now()

    def patience(self, gateway: str) -> datetime:
        """Return until when a call to the gateway, decided now, may be answered; after it no call can begin any more.

        It covers waiting to start, the call itself, and some grace.
        """
        entry = self.gateways.get(gateway)
        timeout_s = 0.0 if entry is None else entry.gateway.contract.timeout_s
        return self.later(timeout_s + 2 * self.config.answer_grace_s)

    def later(self, seconds: float) -> datetime:
        """Return the wall clock in `seconds`."""
        return self.clock.now() + timedelta(seconds=seconds)


def apply(draft: Draft, command: c.Command) -> None:
    """Decide a command that the caller expects to be legal.

    Raises:
        IllegalTransitionError: it is not.
    """
    rejection = draft.apply(command)
    if rejection is not None:
        state = "nothing" if draft.payment is None else draft.payment.state.value
        raise IllegalTransitionError(state=state, command=type(command).__name__, reason=rejection.value)
