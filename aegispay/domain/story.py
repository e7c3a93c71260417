"""A payment's life in words: what `aegispay show` and an export say about each event."""

from __future__ import annotations

from datetime import datetime

from aegispay.domain import events as e
from aegispay.domain.hook_story import hook_sentences
from aegispay.domain.money import Money
from aegispay.domain.outcome import Declined, FailedOutcome, Reason, UnknownOutcome
from aegispay.domain.payment import Payment
from aegispay.domain.retry import TryAt
from aegispay.domain.routing import RoutingDecision

_EVIDENCE = {
    "lookup": "the gateway was asked and knew",
    "resend": "the same request was sent again under the same key",
    "webhook": "the gateway sent a notification",
    "answer": "the answer came after all",
    "complete": "the gateway was told that the payer came back",
    "operator": "an operator said so",
}


def headline(payment: Payment) -> list[str]:
    """Return what one wants to know first, line by line."""
    state = payment.state.value.replace("_", " ")
    notes = (", in doubt" if payment.in_doubt else "") + (", parked" if payment.is_parked else "")
    lines = [
        f"payment   {payment.id}",
        f"state     {state}{notes}",
        f"amount    {payment.money}{_moved(payment)}",
        f"key       {payment.idempotency_key} of merchant {payment.merchant}",
        f"method    {payment.payment_method.type.value.replace('_', ' ')}",
    ]
    if payment.customer is not None:
        lines.append(f"customer  {payment.customer.id}")
    if payment.request.retry_of is not None:
        lines.append(f"retry of  {payment.request.retry_of}")
    lines += [
        f"incident  {incident.id}: {_words(incident.reason)}: {incident.detail}"
        for incident in payment.incidents
        if incident.is_open
    ]
    lines += [f"in doubt  {doubt.id}" for doubt in payment.doubts]
    if payment.attempts:
        tried = " → ".join(attempt.gateway for attempt in payment.attempts)
        lines.append(f"gateways  {tried} ({_count(len(payment.attempts), 'attempt')})")
    return lines


def _moved(payment: Payment) -> str:
    amounts = (
        ("authorized", payment.authorized_minor if payment.authorized_minor != payment.captured_minor else 0),
        ("captured", payment.captured_minor),
        ("refunded", payment.refunded_minor),
        ("charged back", payment.charged_back_minor),
    )
    return "".join(f", {Money(minor, payment.currency)} {word}" for word, minor in amounts if minor)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


class Story:
    """Tells the events of one payment in order; it remembers what a later sentence refers to."""

    def __init__(self, payment: Payment) -> None:
        self._currency = payment.currency
        self._start = payment.created_at
        self._gateways = {attempt.number: attempt.gateway for attempt in payment.attempts}
        self._attempt_at: dict[int, datetime] = {}

    def sentences(self, event: e.Event) -> list[str]:
        """Return what happened, in words; the first says what, the others why and how."""
        match event:
            case e.AttemptStarted() | e.AttemptFailed() | e.OutcomeBecameUnknown() | e.OutcomeResolved():
                return self._attempt(event)
            case e.OperationEvent():
                return self._operation(event)
            case e.PaymentEnriched() | e.HookJudged():
                return hook_sentences(event)
            case e.RetryPutOff(retry=retry):
                return ["no gateway could take the next attempt", self._waits(retry)]
            case e.IncidentOpened() | e.IncidentClosed() | e.PaymentParked() | e.PaymentUnparked():
                return _exception(event)
            case _:
                return self._payment(event)

    def _payment(self, event: e.Event) -> list[str]:
        match event:
            case e.PaymentInitiated(request=request):
                money = self._money(request.amount_minor)
                forced = f", at {request.gateway} only" if request.gateway else ""
                return [f"the merchant asked for {money}{forced}; {request.capture} capture"]
            case e.PaymentAuthenticated():
                return ["the payer counts as authenticated"]
            case e.ActionRequired(action=action, gateway=gateway):
                until = f"until {action.expires_at:%Y-%m-%d %H:%M:%S} UTC"
                return [f"{gateway} wants the payer first: {_words(action.kind)}, {until}"]
            case e.ActionCompleted():
                return ["the payer did what the gateway wanted"]
            case e.PaymentAuthorized() | e.PaymentSucceeded():
                return self._approval(event)
            case e.PaymentFailed(reason=reason, gateway=gateway):
                said = f" ({gateway})" if gateway else ""
                return [f"the payment failed: {_because(reason, event.code, event.message)}{said}; no money moved"]
            case _:
                return self._after_charge(event)

    def _after_charge(self, event: e.Event) -> list[str]:
        match event:
            case e.AuthorizationExpiring(expires_at=expires_at):
                return [f"not captured yet; the authorization lapses at {expires_at:%Y-%m-%d %H:%M:%S} UTC"]
            case e.PaymentChargedBack(amount_minor=minor, reference=reference):
                return [f"the payer's bank took {self._money(minor)} back; the gateway calls it {reference}"]
            case e.CancelRequested(reason=reason):
                return [f"a cancel was asked for ({reason}); it is carried out once the outcome is known"]
            case e.PaymentCancelled(reason=reason):
                return [f"the payment was cancelled: {_words(reason)}"]
            case e.PaymentPartiallyRefunded(refunded_minor=minor) | e.PaymentRefunded(refunded_minor=minor):
                return [f"{self._money(minor)} returned in total"]
            case _:
                raise AssertionError(f"no words for {type(event).__name__}")

    def _approval(self, event: e.PaymentAuthorized | e.PaymentSucceeded) -> list[str]:
        verb = "captured" if isinstance(event, e.PaymentSucceeded) else "reserved"
        gateway = self._gateways.get(event.number, "the gateway")
        first = f"{self._money(event.amount_minor)} {verb} by {gateway}, attempt {event.number}{self._took(event)}"
        lines = [first, f"{gateway} calls it {event.reference}"]
        if isinstance(event, e.PaymentAuthorized):
            lines.append(f"to be captured before {event.expires_at:%Y-%m-%d %H:%M:%S} UTC")
        return lines

    def _attempt(
        self, event: e.AttemptStarted | e.AttemptFailed | e.OutcomeBecameUnknown | e.OutcomeResolved
    ) -> list[str]:
        gateway = self._gateways.get(event.number, "the gateway")
        match event:
            case e.AttemptStarted():
                self._attempt_at[event.number] = event.at
                return [
                    f"attempt {event.number} begins at {event.gateway}",
                    *_decided(event.decision),
                    f"the gateway sees key {event.idempotency_key}",
                    f"silence after {self._after(event.deadline_at)} counts as an unknown outcome",
                ]
            case e.AttemptFailed(outcome=outcome):
                why = _because(outcome.reason, outcome.code, outcome.message)
                took = self._took(event)
                told = f"attempt {event.number} at {gateway} {_failed(outcome)}{took}: {why}; nothing was charged"
                return [told] if event.retry is None else [told, self._waits(event.retry)]
            case e.OutcomeBecameUnknown(outcome=outcome):
                return [
                    f"nobody knows whether attempt {event.number} at {gateway} charged: {_doubt(outcome)}",
                    f"{self._asked(event)}; no other gateway is tried meanwhile",
                ]
            case e.OutcomeResolved(evidence=evidence):
                detail = f" ({event.detail})" if event.detail else ""
                how = _EVIDENCE.get(evidence, evidence)
                return [f"attempt {event.number} at {gateway} is known now: {how}{detail}"]

    def _operation(self, event: e.OperationEvent) -> list[str]:
        what = f"{event.kind} {event.operation_id}"
        match event:
            case e.OperationRequested(amount_minor=minor):
                by = f"with key {event.key}" if event.key else "to carry out the remembered cancel"
                why = f": {event.reason}" if event.reason else ""
                return [f"{what} of {self._money(minor)} was asked for {by}{why}; the amount is reserved"]
            case e.OperationSucceeded(reference=reference):
                return [f"{what} was carried out{_known_by(event)}; the gateway calls it {reference}"]
            case e.OperationFailed(outcome=outcome):
                why = _because(outcome.reason, outcome.code, outcome.message)
                return [f"{what} failed{_known_by(event)}: {why}; the amount is free again"]
            case e.OperationBecameUnknown(outcome=outcome):
                return [f"nobody knows whether {what} was carried out: {_doubt(outcome)}", self._asked(event)]
            case _:
                raise AssertionError(f"no words for {type(event).__name__}")

    def _waits(self, retry: TryAt) -> str:
        where = f" at {retry.gateway}" if retry.gateway is not None else ""
        why = f": {retry.why}" if retry.why else ""
        return f"tried again{where} at {self._after(retry.at)}{why}"

    def _money(self, amount_minor: int) -> str:
        return str(Money(amount_minor, self._currency))

    def _after(self, at: datetime) -> str:
        return since(self._start, at)

    def _asked(self, event: e.OutcomeBecameUnknown | e.OperationBecameUnknown) -> str:
        if event.outcome.reason is Reason.CANNOT_BE_ASKED:
            return "it waits for a webhook or a person: aegispay resolve"
        return f"asked about it {_count(event.checks, 'time')}; again at {self._after(event.next_check_at)}"

    def _took(self, event: e.AttemptFailed | e.PaymentAuthorized | e.PaymentSucceeded) -> str:
        started = self._attempt_at.get(event.number)
        return "" if started is None else f" after {(event.at - started).total_seconds():.3f} s"


def _decided(decision: RoutingDecision) -> list[str]:
    first, *candidates = decision.sentences()
    return [f"why: {first}", *(f"  {sentence}" for sentence in candidates)]


def since(start: datetime, at: datetime) -> str:
    """Return the time from `start` to `at`, in the unit a person would use."""
    seconds = (at - start).total_seconds()
    if seconds < 3600:
        return f"+{seconds:.3f} s"
    return f"+{seconds / 3600:.1f} h" if seconds < 172_800 else f"+{seconds / 86_400:.1f} d"


def _exception(event: e.IncidentOpened | e.IncidentClosed | e.PaymentParked | e.PaymentUnparked) -> list[str]:
    match event:
        case e.IncidentOpened(reason=reason, detail=detail):
            return [f"incident {event.incident_id}, a person must look: {_words(reason)}: {detail}"]
        case e.IncidentClosed(operator=operator, detail=detail):
            return [f"{operator} closed incident {event.incident_id}: {detail}"]
        case e.PaymentParked(cause=cause):
            return [f"set aside: {cause}"]
        case e.PaymentUnparked(operator=operator, reason=reason):
            return [f"{operator} let it go on{f': {reason}' if reason else ''}"]


def _known_by(event: e.OperationSucceeded | e.OperationFailed) -> str:
    if event.evidence == "answer":
        return ""
    detail = f" ({event.detail})" if event.detail else ""
    return f", as is known because {_EVIDENCE.get(event.evidence, event.evidence)}{detail}"


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _because(reason: Reason, code: str, message: str) -> str:
    """Join reason, the gateway's own code and its message, each said once."""
    words = _words(reason)
    extra = [text for text in (f"code {code}" if code and _words(code) != words else "", message) if text]
    return f"{words} ({', '.join(extra)})" if extra and extra != [words] else words


def _failed(outcome: FailedOutcome) -> str:
    if isinstance(outcome, Declined):
        return f"was declined ({_words(outcome.kind)})"
    return "did not go through"


def _doubt(outcome: UnknownOutcome) -> str:
    return _because(outcome.reason, getattr(outcome, "code", ""), outcome.message)
