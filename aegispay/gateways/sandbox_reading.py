"""From what came back over HTTP to an outcome: nothing but a whole, fitting answer is believed."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TypeGuard

from aegispay.domain.card_data import mask_card_numbers
from aegispay.domain.outcome import Declined, Outcome, OutcomeUnknown, Reason
from aegispay.domain.request import CaptureMode
from aegispay.gateways.http.answer import HttpAnswer, NoAnswer
from aegispay.gateways.http.body import text_at, value_at
from aegispay.gateways.http.classification import GatewayOperation, Refusal, classify, normalised
from aegispay.gateways.http.phase import outcome_of_phase
from aegispay.gateways.sandbox_answers import (
    ContradictionError,
    SandboxOperation,
    SandboxPayment,
    charge_outcome,
    found_one,
    operation_outcome,
    parse,
    parse_found,
)
from aegispay.gateways.sandbox_table import NOT_EXECUTED, SANDBOX
from aegispay.ports import ChargeRequest, NotFound, OperationRequest

_LOG = logging.getLogger("aegispay.gateways.sandbox")
_CODES_COUNTED_MAX = 100
"""Distinct codes: what a provider sends must not grow our memory without limit."""
_CODE_SHOWN_MAX = 100


class SandboxReader:
    """Reads the sandbox's answers for one gateway.

    Attributes:
        unmapped_codes: how often each decline code came that no row of the table names.
    """

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self.unmapped_codes: Counter[str] = Counter()

    def payment(self, request: ChargeRequest, answer: HttpAnswer | NoAnswer) -> Outcome:
        """Return what became of a charge or authorization that was just sent."""
        asked = _asked(request)
        if not _is_whole(answer):
            return self._without_answer(asked, answer)
        try:
            if 200 <= answer.status <= 299:
                return self._charge(request, parse(SandboxPayment, answer.body))
            if answer.status == 402 and (shown := value_at(answer.body, "error", "payment")) is not None:
                return self._declined(request, parse(SandboxPayment, shown))
        except ContradictionError as error:
            return _unreadable(str(error))
        return self._refused(asked, answer)

    def operation(self, request: OperationRequest, answer: HttpAnswer | NoAnswer) -> Outcome:
        """Return what became of a capture, void or refund that was just sent."""
        asked = GatewayOperation(request.kind.value)
        if not _is_whole(answer):
            return self._without_answer(asked, answer)
        if not 200 <= answer.status <= 299:
            return self._refused(asked, answer)
        try:
            return self._operation(request, parse(SandboxOperation, answer.body))
        except ContradictionError as error:
            return _unreadable(str(error))

    def found_payment(self, request: ChargeRequest, answer: HttpAnswer | NoAnswer) -> Outcome | NotFound:
        """Return what a look-up says about a charge or authorization."""
        if not _is_whole(answer) or answer.status != 200:
            return self._without_answer(GatewayOperation.LOOKUP, answer)
        try:
            found = parse_found(SandboxPayment, answer.body)
            return found_one([self._charge(request, each) for each in found])
        except ContradictionError as error:
            return _unreadable(str(error))

    def found_operation(self, request: OperationRequest, answer: HttpAnswer | NoAnswer) -> Outcome | NotFound:
        """Return what a look-up says about a capture, void or refund."""
        if not _is_whole(answer) or answer.status != 200:
            return self._without_answer(GatewayOperation.LOOKUP, answer)
        try:
            found = parse_found(SandboxOperation, answer.body)
            return found_one([self._operation(request, each) for each in found])
        except ContradictionError as error:
            return _unreadable(str(error))

    def decline(self, asked: GatewayOperation, code: str, message: str, retry_after_s: float | None) -> Outcome:
        """Return what a decline with this code means."""
        self._count_unmapped(asked, code)
        refusal = Refusal(
            operation=asked, status=402, code=code, message=mask_card_numbers(message), retry_after_s=retry_after_s
        )
        return classify(SANDBOX, refusal)

    def _charge(self, request: ChargeRequest, payment: SandboxPayment) -> Outcome:
        return charge_outcome(payment, request.reference, request.capture, partial(self.decline, _asked(request)))

    def _operation(self, request: OperationRequest, operation: SandboxOperation) -> Outcome:
        return operation_outcome(
            operation,
            reference=request.reference,
            kind=request.kind,
            payment=request.gateway_reference or None,
            decline=partial(self.decline, GatewayOperation(request.kind.value)),
        )

    def _declined(self, request: ChargeRequest, payment: SandboxPayment) -> Outcome:
        outcome = self._charge(request, payment)
        if not isinstance(outcome, Declined):
            raise ContradictionError("declined, yet the payment is not")
        return outcome

    def _without_answer(self, asked: GatewayOperation, answer: HttpAnswer | NoAnswer) -> Outcome:
        if isinstance(answer, NoAnswer):
            return outcome_of_phase(answer.phase, is_timeout=answer.is_timeout)
        if 200 <= answer.status <= 299:
            return _unreadable(answer.unreadable or f"status {answer.status} is no answer to this")
        return self._refused(asked, answer)

    def _refused(self, asked: GatewayOperation, answer: HttpAnswer) -> Outcome:
        code = text_at(answer.body, "error", "code")[:_CODE_SHOWN_MAX]
        if answer.status == 429 and value_at(answer.body, "error", "executed") is False:
            code = NOT_EXECUTED
        elif answer.status == 400 and text_at(answer.body, "error", "type") == "idempotency_mismatch":
            code = "idempotency_mismatch"
        if answer.status == 402 and code:
            self._count_unmapped(asked, code)
        refusal = Refusal(
            operation=asked,
            status=answer.status,
            code=code,
            message=mask_card_numbers(text_at(answer.body, "error", "message") or answer.unreadable),
        )
        return classify(SANDBOX, refusal)

    def _count_unmapped(self, asked: GatewayOperation, code: str) -> None:
        row = SANDBOX.find(asked, 402, code)
        if row is None or row.codes is not None:
            return
        known = normalised(code)[:_CODE_SHOWN_MAX]
        if known in self.unmapped_codes or len(self.unmapped_codes) < _CODES_COUNTED_MAX:
            self.unmapped_codes[known] += 1
        _LOG.warning("decline code without a row: gateway=%s code=%r", self._gateway, mask_card_numbers(known))


def _asked(request: ChargeRequest) -> GatewayOperation:
    return GatewayOperation.CHARGE if request.capture is CaptureMode.AUTOMATIC else GatewayOperation.AUTHORIZE


def _is_whole(answer: HttpAnswer | NoAnswer) -> TypeGuard[HttpAnswer]:
    return isinstance(answer, HttpAnswer) and not answer.unreadable


def _unreadable(detail: str) -> OutcomeUnknown:
    return OutcomeUnknown(reason=Reason.UNREADABLE_ANSWER, code="unreadable", message=detail)
