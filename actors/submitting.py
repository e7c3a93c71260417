"""Creating a payment and starting to process it."""

from __future__ import annotations

from datetime import timedelta

from aegispay.actors import judging
from aegispay.actors.desk import Desk
from aegispay.actors.payment_messages import SubmitPayment
from aegispay.actors.services import apply
from aegispay.domain import commands as c
from aegispay.domain.draft import Draft
from aegispay.domain.fingerprints import ERASED_SALT, is_same_request, without_personal
from aegispay.domain.payment import Payment
from aegispay.domain.request import differing_fields
from aegispay.domain.state import PaymentState
from aegispay.errors import GatewayError, IdempotencyConflictError, RequestError
from aegispay.hooks.rulings import Addition
from aegispay.observability.tracing import is_traceparent


async def submit(desk: Desk, message: SubmitPayment) -> Payment:
    """Create the payment, or say what the same request has created before."""
    if desk.payment is None:
        await _check_new(desk, message)
    additions = await _additions(desk, message)
    known = desk.payment
    if known is not None and not is_same_request(known, message.request, message.fingerprint):
        is_erased = known.fingerprint_salt == ERASED_SALT
        asked = without_personal(message.request) if is_erased else message.request
        fields = differing_fields(known.request, asked)
        desk.services.telemetry.repeated(is_same=False)
        raise IdempotencyConflictError(payment_id=desk.id, fields=fields)
    draft = desk.draft()
    if known is None:
        # Not read before: whether the stream is empty is decided by the append, which expects it to be.
        apply(draft, _create(desk, message))
        judging.enrich(desk, draft, additions)
    else:
        desk.services.telemetry.repeated(is_same=True)
    if message.process:
        await begin(desk, draft)
    return await desk.commit(draft)


async def process(desk: Desk) -> Payment:
    """Start processing, or say how far it is."""
    desk.existing()
    draft = desk.draft()
    await begin(desk, draft)
    return await desk.commit(draft)


async def begin(desk: Desk, draft: Draft) -> None:
    """Start processing unless that has happened already."""
    payment = draft.payment
    if payment is None or payment.is_parked:
        return
    if not payment.attempts and not payment.state.is_final:
        # Later there may be a deadline to keep: who is left then, the router says.
        desk.charging.check_gateways(payment.request.gateway)
    if payment.state is PaymentState.INITIATED:
        apply(draft, c.AuthenticatePayment(at=desk.services.now()))
    if not desk.services.hooks.judges or await judging.is_let_through(desk, draft):
        await desk.charging.next_attempt(draft)


async def _additions(desk: Desk, message: SubmitPayment) -> tuple[Addition, ...]:
    """Ask hooks about a new request; a repetition is none of their business."""
    if not desk.services.hooks.looks_at_requests:
        return ()
    if not desk.is_loaded:
        await desk.load()
    return () if desk.payment is not None else await judging.look_at(desk, message.request)


async def _check_new(desk: Desk, message: SubmitPayment) -> None:
    """Refuse what a new payment may not ask for; a repetition may, because it changes nothing."""
    try:
        if message.process or message.request.gateway is not None:
            desk.charging.check_gateways(message.request.gateway)
        desk.services.settings.current.strategy(message.request.strategy)
        if message.request.retry_of is not None:
            await desk.charging.check_retry(message.request.retry_of)
    except (GatewayError, RequestError):
        if not desk.is_loaded:
            await desk.load()
        if desk.payment is None:
            raise


def _create(desk: Desk, message: SubmitPayment) -> c.CreatePayment:
    now = desk.services.now()
    expires_at = now + timedelta(seconds=desk.services.config.payment_expiry_s)
    return c.CreatePayment(
        at=now,
        request=message.request,
        fingerprint=message.fingerprint,
        fingerprint_salt=None if message.request.customer is None else f"{desk.services.source.getrandbits(128):032x}",
        expires_at=expires_at,
        trace=message.trace if is_traceparent(message.trace) else None,
    )
