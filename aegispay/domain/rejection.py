"""Why a command was refused: values, not exceptions, with names that read as phrases."""

from __future__ import annotations

from enum import StrEnum


class Rejection(StrEnum):
    """Every reason `decide` can give for refusing a command."""

    NOT_ALLOWED_IN_THIS_STATE = "not_allowed_in_this_state"
    PAYMENT_DOES_NOT_EXIST = "payment_does_not_exist"
    KEY_USED_FOR_ANOTHER_REQUEST = "key_used_for_another_request"
    PAYMENT_IS_PARKED = "payment_is_parked"
    PAYMENT_IS_NOT_PARKED = "payment_is_not_parked"
    ATTEMPT_STILL_OPEN = "attempt_still_open"
    OUTCOME_STILL_UNKNOWN = "outcome_still_unknown"
    LATE_APPROVAL_REPORTED = "late_approval_reported"
    RETRY_IS_NOT_DUE = "retry_is_not_due"
    CANCEL_IS_REMEMBERED = "cancel_is_remembered"
    NO_SUCH_ATTEMPT = "no_such_attempt"
    NO_SUCH_OPERATION = "no_such_operation"
    OPERATION_ID_USED_FOR_ANOTHER_REQUEST = "operation_id_used_for_another_request"
    AMOUNT_MUST_BE_POSITIVE = "amount_must_be_positive"
    CAPTURE_EXCEEDS_AUTHORIZED = "capture_exceeds_authorized"
    REFUND_EXCEEDS_CAPTURED = "refund_exceeds_captured"
    CAPTURE_IN_PROGRESS = "capture_in_progress"
    VOID_IN_PROGRESS = "void_in_progress"
    OPERATION_STILL_OPEN = "operation_still_open"
    NOT_YET_EXPIRED = "not_yet_expired"
    NOTHING_LEFT_TO_CAPTURE = "nothing_left_to_capture"
    NOTHING_LEFT_TO_REFUND = "nothing_left_to_refund"
    TOO_MANY_OPERATIONS = "too_many_operations"
    TOO_MANY_JUDGEMENTS = "too_many_judgements"
    INCIDENT_IS_OPEN = "incident_is_open"
    NOT_IN_DOUBT = "not_in_doubt"
    NO_SUCH_OPEN_INCIDENT = "no_such_open_incident"
