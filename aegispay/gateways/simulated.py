"""A provider inside the process: seeded, scripted by token, with its own ledger. For demos and tests."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from aegispay.clock import SystemClock
from aegispay.domain.contract import GatewayContract
from aegispay.domain.notification import Notification
from aegispay.domain.outcome import ActionKind, Approved, Declined, NextAction, Outcome, Pending, RequiresAction
from aegispay.errors import NotSentError
from aegispay.gateways.books import Books
from aegispay.gateways.entry import EntryKind
from aegispay.gateways.ledger import Ledger, MemoryLedger
from aegispay.gateways.misbehaviour import misbehave
from aegispay.gateways.script import (
    CHALLENGE_FAILED,
    DECLINES,
    FAULTS,
    PARTIAL_PERCENT,
    PARTIAL_TOKEN,
    RANDOM_DECLINE,
    REQUIRES_ACTION_TOKEN,
    TOO_LITTLE,
    Fault,
    Script,
    script_word,
)
from aegispay.gateways.signed_webhooks import seal, unseal
from aegispay.ports import ChargeRequest, Clock, GatewayHealth, GatewayRequest, NotFound, OperationRequest

_CHALLENGE_VALIDITY = timedelta(minutes=15)


class _Draw:
    """The randomness of one call: seeded by what the call is about, so that the order of calls does not matter."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    @cached_property
    def source(self) -> random.Random:
        """Made when something is drawn: seeding costs more than all the rest of a call."""
        return random.Random(self._seed)  # noqa: S311 - a simulation


class SimulatedGateway:
    """A provider that lives in the process and behaves as told.

    The same seed, script and request give the same answer, in whatever order requests arrive, so a run can be
    repeated. It keeps its contract to the letter: as long as that says, a request seen before under the same key gets
    the stored answer and moves nothing again, and an authorization can be captured. Captures, voids and refunds are
    checked against what its books hold of the payment.

    Args:
        name: unique among the engine's gateways.
        seed: what the success rate and latencies are drawn from.
        success_rate: share of unscripted payments that are approved; the rest is declined.
        latency_s: seconds per call, one number or (shortest, longest).
        contract: what to declare; everything by default.
        ledger: where the provider keeps its books; in memory by default.
        down_after_calls: calls served before every further connection is refused; ``None`` for always up.
        clock: what the deadlines of challenges, keys and authorizations are measured by.
        webhook_secret: what its webhooks are signed with.

    Attributes:
        success_rate, latency_s, down_after_calls: as above; they may be changed at any time.
        is_up: set it to ``False`` and connections are refused until it is ``True`` again.
        ledger: the provider's books.
        calls: how many calls have been made, refused ones included.

    Raises:
        ValueError: `success_rate` is no share, or `latency_s` no duration.
    """

    def __init__(
        self,
        name: str,
        *,
        seed: int = 0,
        success_rate: float = 1.0,
        latency_s: float | tuple[float, float] = 0.0,
        contract: GatewayContract | None = None,
        ledger: Ledger | None = None,
        down_after_calls: int | None = None,
        clock: Clock | None = None,
        webhook_secret: str | None = None,
    ) -> None:
        if not 0.0 <= success_rate <= 1.0:
            raise ValueError(f"success_rate is {success_rate}: use a share between 0.0 and 1.0")
        self._name = name
        self._contract = contract if contract is not None else GatewayContract(partial_authorization=True)
        self._seed = seed
        self.success_rate = success_rate
        self.latency_s = latency_s
        self.ledger: Ledger = ledger if ledger is not None else MemoryLedger()
        self.down_after_calls = down_after_calls
        self.is_up = True
        self.calls = 0
        self._clock = clock if clock is not None else SystemClock()
        self._webhook_secret = webhook_secret if webhook_secret is not None else f"whsec_{name}"
        self._script = Script()
        self._books = Books(name, self._contract, self.ledger, self._clock)

    def __repr__(self) -> str:
        """Show name and what it has done."""
        return f"<SimulatedGateway {self._name} calls={self.calls} {'up' if self._is_reachable() else 'down'}>"

    @property
    def name(self) -> str:
        """Unique name."""
        return self._name

    @property
    def contract(self) -> GatewayContract:
        """What this gateway declares."""
        return self._contract

    @property
    def latency_s(self) -> tuple[float, float]:
        """Shortest and longest seconds per call; may be set to one number."""
        return self._latency_s

    @latency_s.setter
    def latency_s(self, value: float | tuple[float, float]) -> None:
        shortest_s, longest_s = (value, value) if isinstance(value, int | float) else value
        if not 0.0 <= shortest_s <= longest_s < math.inf:
            raise ValueError(f"latency_s is {value}: use seconds, or (shortest, longest)")
        self._latency_s = (float(shortest_s), float(longest_s))

    # --- what the engine calls ----------------------------------------------------------------------

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Charge as the script, the success rate and earlier requests under the same key say."""
        return await self._serve(EntryKind.CHARGE, request)

    async def authorize(self, request: ChargeRequest) -> Outcome:
        """Hold the amount, as `charge` would take it."""
        return await self._serve(EntryKind.AUTHORIZE, request)

    async def capture(self, request: OperationRequest) -> Outcome:
        """Take what is held, if the books allow it."""
        return await self._serve(EntryKind.CAPTURE, request)

    async def void(self, request: OperationRequest) -> Outcome:
        """Release what is left of an authorization, if the books allow it."""
        return await self._serve(EntryKind.VOID, request)

    async def refund(self, request: OperationRequest) -> Outcome:
        """Give back what was taken, if the books allow it."""
        return await self._serve(EntryKind.REFUND, request)

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        """Say what the books hold for the reference."""
        return await self._look_up(request)

    async def fetch_operation(self, request: OperationRequest) -> Outcome | NotFound:
        """Say what the books hold for the reference."""
        return await self._look_up(request)

    async def health_check(self) -> GatewayHealth:
        """Say whether calls would get through."""
        return GatewayHealth(is_up=self._is_reachable())

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notification]:
        """Return what a webhook made by `webhook` says.

        Raises:
            WebhookRefusedError: it is not genuine, not of the last five minutes, too large or cannot be read.
        """
        return (unseal(headers, body, secret=self._webhook_secret, now=self._clock.now()),)

    # --- what a test calls --------------------------------------------------------------------------

    def script(
        self, kind: str, what: Fault | Declined, *, times: int | None = 1, payment_id: str | None = None
    ) -> None:
        """Order what happens to coming requests of a kind that are new to the provider.

        Args:
            kind: "authorize", "charge", "capture", "void" or "refund".
            what: a fault, or a decline to answer with. It takes precedence over the token.
            times: how many requests it strikes; ``None`` for all from now on.
            payment_id: the only payment whose requests it strikes; ``None`` for any.

        Raises:
            ValueError: there is no such kind, or `times` is less than 1.
        """
        self._script.add(EntryKind(kind), what, times=times, payment_id=payment_id)

    def clear_script(self) -> None:
        """Forget what was ordered by `script`."""
        self._script.clear()

    def pass_challenge(self, reference: str) -> None:
        """Let the payer pass the challenge of the attempt we call `reference`: the provider goes on by itself.

        Raises:
            ValueError: no challenge is open under that name, perhaps because its time is over.
        """
        self._decide(reference, RequiresAction, declined=None)

    def fail_challenge(self, reference: str) -> None:
        """Let the payer fail the challenge of the attempt we call `reference`.

        Raises:
            ValueError: no challenge is open under that name, perhaps because its time is over.
        """
        self._decide(reference, RequiresAction, declined=CHALLENGE_FAILED)

    def decide(self, reference: str, *, approve: bool) -> None:
        """Decide what was answered with "pending", be it an attempt or an operation.

        Raises:
            ValueError: nothing is pending under that name.
        """
        self._decide(reference, Pending, declined=None if approve else RANDOM_DECLINE)

    def notifications(self, payment_id: str | None = None) -> list[Notification]:
        """Return what the provider has had to report so far, in order; always with the same ids.

        Args:
            payment_id: only about this payment, which is much cheaper; ``None`` for all.
        """
        ledger = self.ledger
        return self._books.notifications(ledger.entries() if payment_id is None else ledger.of_payment(payment_id))

    def webhook(
        self, notification: Notification, *, secret: str | None = None, sent_at: datetime | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body of the webhook that reports a notification.

        Args:
            notification: one of `notifications`, or made up.
            secret: what to sign with; another one than the provider's makes a forgery.
            sent_at: aware; now by default.
        """
        secret = self._webhook_secret if secret is None else secret
        return seal(notification, secret=secret, sent_at=self._clock.now() if sent_at is None else sent_at)

    # --- how it works -------------------------------------------------------------------------------

    async def _serve(self, kind: EntryKind, request: GatewayRequest) -> Outcome:
        draw = self._draw(kind, request)
        await self._travel(draw)
        fault: Fault | None = None
        answer: Outcome | None = None
        with self.ledger.transaction():
            known = self._books.known(request)
            if known is not None:
                return self._books.replay(known, kind, request)
            fault, decline = self._ordered(kind, request)
            if fault is None or not fault.is_before:
                answer = self._carry_out(kind, request, draw, fault, decline)
        if fault is not None:
            return await misbehave(fault, answer, self._name)
        assert answer is not None, "it was carried out"
        return answer

    def _ordered(self, kind: EntryKind, request: GatewayRequest) -> tuple[Fault | None, Declined | None]:
        ordered: Fault | Declined | None = self._script.take(kind, request.payment_id)
        if ordered is None and isinstance(request, ChargeRequest):
            word = script_word(request.payment_method)
            ordered = FAULTS.get(word) or DECLINES.get(word)
        return (ordered, None) if isinstance(ordered, Fault) else (None, ordered)

    def _carry_out(
        self, kind: EntryKind, request: GatewayRequest, draw: _Draw, fault: Fault | None, decline: Declined | None
    ) -> Outcome:
        if decline is not None:
            return self._books.refuse(kind, request, decline)
        if isinstance(request, OperationRequest):
            return self._books.operate(kind, request, fault)
        return self._books.begin(kind, request, self._answer(kind, request, draw, fault), fault)

    def _answer(self, kind: EntryKind, request: ChargeRequest, draw: _Draw, fault: Fault | None) -> Outcome:
        word = script_word(request.payment_method)
        amount_minor = request.money.amount_minor
        if word == REQUIRES_ACTION_TOKEN:
            return self._challenge(request)
        if word == PARTIAL_TOKEN:
            if kind is not EntryKind.AUTHORIZE or not self._contract.partial_authorization:
                return TOO_LITTLE
            amount_minor = max(1, amount_minor * PARTIAL_PERCENT // 100)
        if fault is None and self.success_rate < 1.0 and draw.source.random() >= self.success_rate:
            return RANDOM_DECLINE
        return self._books.approval(request, amount_minor)

    def _challenge(self, request: ChargeRequest) -> RequiresAction:
        action = NextAction(
            kind=ActionKind.REDIRECT,
            url=f"https://{self._name}.example/challenge/{request.reference}",
            expires_at=self._clock.now() + _CHALLENGE_VALIDITY,
        )
        return RequiresAction(reference=self._books.reference(request.idempotency_key), action=action)

    def _decide(self, reference: str, expected: type[RequiresAction | Pending], *, declined: Declined | None) -> None:
        with self.ledger.transaction():
            entry, answer = self._books.still_open(reference)
            if not isinstance(answer, expected):
                raise ValueError(f"{self._name}: {reference!r} is answered with {answer.type}")  # noqa: TRY004
            approved = Approved(reference=answer.reference, amount_minor=entry.amount_minor, currency=entry.currency)
            self._books.settle(entry, approved if declined is None else declined)

    async def _look_up(self, request: GatewayRequest) -> Outcome | NotFound:
        await self._travel(self._draw("fetch", request))
        with self.ledger.transaction():
            return self._books.look_up(request)

    async def _travel(self, draw: _Draw) -> None:
        is_reachable = self._is_reachable()
        self.calls += 1
        if not is_reachable:
            raise NotSentError(f"{self._name}: connection refused")
        shortest_s, longest_s = self.latency_s
        if longest_s > 0:
            await asyncio.sleep(draw.source.uniform(shortest_s, longest_s))  # noqa: TID251 - latency is what is simulated

    def _is_reachable(self) -> bool:
        return self.is_up and (self.down_after_calls is None or self.calls < self.down_after_calls)

    def _draw(self, purpose: str, request: GatewayRequest) -> _Draw:
        return _Draw(f"{self._seed}:{self._name}:{purpose}:{request.reference}")
