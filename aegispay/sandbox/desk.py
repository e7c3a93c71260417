"""The front desk: takes requests in, lets faults strike, and sends answers out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from aegispay.domain.card_data import contains_card_number, mask_card_numbers
from aegispay.ports import Clock
from aegispay.sandbox.bodies import SIZE_MAX, ChargeBody
from aegispay.sandbox.books import Books, Scope, WireEntry
from aegispay.sandbox.brownout import BrownOut
from aegispay.sandbox.carrying import Answer, Carrier
from aegispay.sandbox.courier import Courier
from aegispay.sandbox.door import Door
from aegispay.sandbox.faults import UNEXECUTED, Call, Fault, Strike
from aegispay.sandbox.incoming import REGIONS, Mutation, read_caller, read_mutation
from aegispay.sandbox.lookups import Finder, Lookup
from aegispay.sandbox.plan import FaultChooser, Sent, dice
from aegispay.sandbox.refusals import RefusalError, in_progress, invalid, not_found, too_large
from aegispay.sandbox.sending import gone, half, until_client_leaves, whole
from aegispay.sandbox.settings import SandboxSettings

_PAYMENT_ID = re.compile(r"sp_[0-9a-f]{24}")
_SILENT = frozenset({Fault.HANG_BEFORE, Fault.HANG_AFTER, Fault.LOOKUP_HANG})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """Everything the front desk works with."""

    settings: SandboxSettings
    clock: Clock
    books: Books
    carrier: Carrier
    finder: Finder
    chooser: FaultChooser
    brown_out: BrownOut
    courier: Courier
    secret: bytes


class Desk:
    """Serves the API's requests.

    Args:
        inside: what answers them.
        door: the listening socket.
    """

    def __init__(self, inside: Inside, door: Door) -> None:
        self._inside = inside
        self._door = door
        self._running: set[Scope] = set()

    async def charge(self, request: Request) -> Response:
        """Make a payment."""
        return await self._mutate(Call.CHARGE, request)

    async def capture(self, request: Request) -> Response:
        """Collect part or all of an authorization."""
        return await self._mutate(Call.CAPTURE, request)

    async def void(self, request: Request) -> Response:
        """Release an authorization."""
        return await self._mutate(Call.VOID, request)

    async def refund(self, request: Request) -> Response:
        """Give money back."""
        return await self._mutate(Call.REFUND, request)

    async def look_up(self, request: Request) -> Response:
        """Answer a look-up, by id or by reference."""
        asked = self._read_lookup(request)
        sent, strike = self._strike(Call.LOOKUP, asked.reference, self._inside.finder.token(asked), request)
        await self._travel(sent, strike)
        strike = strike or self._inside.brown_out.strike(sent, self._inside.chooser.plan.seed)
        answer = self._inside.finder.answer(asked, strike)
        return await self._send(answer, strike, request)

    async def _mutate(self, call: Call, request: Request) -> Response:
        asked = await self._read(call, request)
        sent, strike = self._strike(call, asked.reference, self._token(asked), request)
        scope = asked.scope(self._region(asked, sent, strike))
        try:
            with self._alone(scope):
                answer, strike = await self._serve(asked, scope, sent, strike, request)
        except RefusalError as refusal:
            return whole(self._inside.carrier.refuse(asked, refusal))
        return await self._send(answer, strike, request)

    async def _serve(
        self, asked: Mutation, scope: Scope, sent: Sent, strike: Strike | None, request: Request
    ) -> tuple[Answer, Strike | None]:
        """Return the answer, and the fault under which it goes out."""
        await self._travel(sent, strike)
        strike = strike or self._inside.brown_out.strike(sent, self._inside.chooser.plan.seed)
        if strike is None or strike.fault not in UNEXECUTED:
            answer = self._inside.carrier.carry_out(asked, scope, strike)
            self._inside.courier.wake()
            return answer, strike
        answer = self._inside.carrier.leave(asked, scope, strike)
        if strike.fault is Fault.HANG_BEFORE:
            # The key stays taken as long as the client waits.
            await until_client_leaves(request)
        return answer, strike

    async def _send(self, answer: Answer, strike: Strike | None, request: Request) -> Response:
        fault = None if strike is None else strike.fault
        if strike is not None and fault is Fault.REFUSE_CONNECTION:
            client = request.client
            self._door.shut(strike.seconds, None if client is None else (client.host, client.port))
            await until_client_leaves(request)
            return gone()
        if fault in _SILENT:
            await until_client_leaves(request)
            return gone()
        if fault is Fault.WEBHOOK_FIRST:
            await self._inside.courier.until_tried(answer.deliveries)
        return half(answer) if fault is Fault.DROP_AFTER else whole(answer)

    async def _travel(self, sent: Sent, strike: Strike | None) -> None:
        inside = self._inside
        if strike is not None and strike.fault is Fault.BROWN_OUT:
            inside.brown_out.start(strike.seconds)
        latency_s = inside.brown_out.latency_s(inside.settings.latency_s)
        if latency_s > 0:
            await asyncio.sleep(latency_s)  # noqa: TID251 - a simulated network

    async def _read(self, call: Call, request: Request) -> Mutation:
        path, headers = request.url.path, request.headers
        try:
            payment_id = _payment_id(request)
            raw = await self._body(request)
            secret = self._inside.secret
            return read_mutation(call, path, payment_id=payment_id, headers=headers, raw=raw, secret=secret)
        except RefusalError as refusal:
            self._log_refused(call, request, refusal)
            raise

    async def _body(self, request: Request) -> bytes:
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > SIZE_MAX:
                raise too_large(SIZE_MAX)
        return bytes(raw)

    def _read_lookup(self, request: Request) -> Lookup:
        caller = read_caller(request.headers)
        path, payment_id = request.url.path, _payment_id(request)
        if payment_id:
            payment = self._inside.books.payment(payment_id)
            is_own = payment is not None and payment.account == caller.account
            reference = payment.reference if payment is not None and is_own else ""
            return Lookup(path=path, account=caller.account, reference=reference, payment_id=payment_id)
        reference = request.query_params.get("reference", "")
        if not 1 <= len(reference) <= 255 or not reference.isprintable() or contains_card_number(reference):
            raise invalid("reference", "1 to 255 printable characters")
        return Lookup(path=path, account=caller.account, reference=reference)

    def _strike(self, call: Call, reference: str, token: str | None, request: Request) -> tuple[Sent, Strike | None]:
        chooser = self._inside.chooser
        ordered = read_caller(request.headers).ordered
        number = chooser.count(call, reference)
        sent = Sent(call=call, reference=reference, number=number, token=token, ordered=ordered)
        return sent, chooser.choose(sent)

    def _token(self, asked: Mutation) -> str | None:
        if isinstance(asked.body, ChargeBody):
            return asked.body.payment_method.script
        payment = self._inside.books.payment(asked.payment_id)
        return None if payment is None else payment.method.token

    def _region(self, asked: Mutation, sent: Sent, strike: Strike | None) -> str:
        if asked.caller.region is not None:
            return asked.caller.region
        if strike is None or strike.fault is not Fault.REGION_SPLIT:
            return REGIONS[0]
        return dice(self._inside.chooser.plan.seed, "region", sent).choice(REGIONS)

    @contextlib.contextmanager
    def _alone(self, scope: Scope) -> Iterator[None]:
        """Refuse a second request under a key while the first one is at work."""
        if scope in self._running:
            raise in_progress()
        self._running.add(scope)
        try:
            yield
        finally:
            self._running.discard(scope)

    def _log_refused(self, call: Call, request: Request, refusal: RefusalError) -> None:
        entry = WireEntry(
            method=request.method,
            path=mask_card_numbers(request.url.path),
            call=call,
            reference="",
            idempotency_key=None,
            executed=False,
            fault=None,
            status=refusal.status,
        )
        with self._inside.books.transaction():
            self._inside.books.log(entry, self._inside.clock.now())


def _payment_id(request: Request) -> str:
    """Return the id in the path; one that cannot be ours is not even looked for, as it may be a card number."""
    payment_id: str = request.path_params.get("payment_id", "")
    if payment_id and not _PAYMENT_ID.fullmatch(payment_id):
        raise not_found("payment")
    return payment_id
