"""How a doubt is settled: what may be asked, what an answer proves, when to ask again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aegispay.domain.contract import GatewayContract, LookupAuthority
from aegispay.domain.delays import CHECK_DELAYS_S, check_delay_s
from aegispay.domain.outcome import (
    Duplicate,
    GatewayMisconfigured,
    InvalidRequest,
    NotProcessed,
    OutcomeUnknown,
    Pending,
    Reason,
)
from aegispay.domain.resolution import (
    Asked,
    Purpose,
    as_evidence,
    first_step,
    judge_absence,
    may_resend,
    proves_absence,
)
from tests import builders as b

ATTEMPT = b.in_doubt().attempts[0]
KEYS = GatewayContract(idempotency_window_s=1_000, resend_for_s=900, timeout_s=30, visibility_delay_s=20)
PROVEN_AT = 950
NO_KEYS = GatewayContract(idempotency_window_s=None, timeout_s=30.0, visibility_delay_s=20.0)


def at(seconds: float) -> datetime:
    return ATTEMPT.started_at + timedelta(seconds=seconds)


# --- resending ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, True), (899, True), (900, False), (1_000, False), (5_000, False)]
)
def test_a_resend_is_allowed_in_the_first_nine_tenths_of_the_keys_window(seconds, expected):
    contract = GatewayContract(idempotency_window_s=1_000, resend_for_s=10**6)
    assert may_resend(contract, ATTEMPT, at(seconds)) is expected


@pytest.mark.parametrize(
    ("lookup", "until_s"),
    [(LookupAuthority.AUTHORITATIVE, 60), (LookupAuthority.ADVISORY, 900), (LookupAuthority.NONE, 900)],
)
def test_where_a_look_up_can_settle_it_resending_ends_soon_so_that_it_can(lookup, until_s):
    contract = GatewayContract(idempotency_window_s=1_000, lookup=lookup)
    assert may_resend(contract, ATTEMPT, at(until_s - 1))
    assert not may_resend(contract, ATTEMPT, at(until_s))


def test_resending_never_lasts_longer_than_the_key_protects_it():
    contract = GatewayContract(idempotency_window_s=10, resend_for_s=60)
    assert not may_resend(contract, ATTEMPT, at(9))


def test_without_keys_nothing_is_ever_resent():
    assert not may_resend(NO_KEYS, ATTEMPT, at(0))


@pytest.mark.parametrize("authority", [LookupAuthority.ADVISORY, LookupAuthority.AUTHORITATIVE])
def test_a_gateway_that_can_be_looked_up_is_looked_up_first(authority):
    assert first_step(GatewayContract(lookup=authority), ATTEMPT, at(0)) is Purpose.LOOKUP
    assert first_step(GatewayContract(lookup=authority), ATTEMPT, at(10**7)) is Purpose.LOOKUP


def test_a_gateway_without_look_up_is_sent_the_same_request_again_while_the_key_protects_it():
    contract = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=1_000)
    assert first_step(contract, ATTEMPT, at(899)) is Purpose.RESEND
    assert first_step(contract, ATTEMPT, at(900)) is None


def test_a_gateway_with_neither_can_only_be_settled_from_outside():
    contract = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)
    assert first_step(contract, ATTEMPT, at(0)) is None


# --- absence --------------------------------------------------------------------------------------------


def test_absence_is_proven_only_when_a_request_at_the_end_of_its_timeout_would_be_visible():
    assert not proves_absence(NO_KEYS, ATTEMPT, at(49.999))
    assert proves_absence(NO_KEYS, ATTEMPT, at(50))


def test_what_may_have_been_sent_late_counts_from_when_it_was_sent():
    assert not proves_absence(NO_KEYS, ATTEMPT, at(59.999), start_delay_s=10)
    assert proves_absence(NO_KEYS, ATTEMPT, at(60), start_delay_s=10)


def test_absence_is_proven_only_when_the_last_possible_resend_would_be_visible():
    assert not proves_absence(KEYS, ATTEMPT, at(PROVEN_AT - 0.001))
    assert proves_absence(KEYS, ATTEMPT, at(PROVEN_AT))


@pytest.mark.parametrize(
    ("earlier", "proven_s"),
    [
        ({"settles_s": 90.0}, 90),
        ({"settles_s": 10.0}, 50),
        ({"resends_until": at(100)}, 150),
        ({"completed_at": at(70)}, 120),
        ({"completed_at": at(70), "settles_s": 90.0}, 160),
    ],
)
def test_what_an_earlier_contract_or_the_payers_return_allowed_is_waited_for_too(earlier, proven_s):
    sent = replace(ATTEMPT, **earlier)
    assert not proves_absence(NO_KEYS, sent, at(proven_s - 0.001))
    assert proves_absence(NO_KEYS, sent, at(proven_s))


@pytest.mark.parametrize(
    ("cancelled_s", "proven_s"),
    [(100, 150), (PROVEN_AT, PROVEN_AT), (-5, 50)],
    ids=["while it was resent", "after the last resend", "by a clock that jumped back"],
)
def test_after_a_cancel_no_more_resends_have_to_be_waited_for(cancelled_s, proven_s):
    no_resend_after = at(cancelled_s)
    assert not proves_absence(KEYS, ATTEMPT, at(proven_s - 0.001), no_resend_after=no_resend_after)
    assert proves_absence(KEYS, ATTEMPT, at(proven_s), no_resend_after=no_resend_after)


@pytest.mark.parametrize("authority", [LookupAuthority.NONE, LookupAuthority.ADVISORY])
def test_a_look_up_without_authority_never_proves_absence(authority):
    contract = GatewayContract(lookup=authority, idempotency_window_s=None)
    assert not proves_absence(contract, ATTEMPT, at(10**8))


# --- what "not found" says ------------------------------------------------------------------------------


def judged(payment=None, *, contract=KEYS, now_s=PROVEN_AT, asked_s: float | None = PROVEN_AT, **changes):
    payment = payment or b.in_doubt()
    told = {"is_alone": True, "may_send_again": False, "start_delay_s": 0.0} | changes
    asked = Asked(asked_at=None if asked_s is None else at(asked_s), **told)
    return judge_absence(contract, payment, payment.find_sent(ATTEMPT.id), asked, at(now_s))


def test_not_found_is_proof_when_asked_late_enough_and_nothing_can_be_on_its_way():
    assert judged() == NotProcessed(reason=Reason.NEVER_RECEIVED, message="the gateway has no record of the request")


@pytest.mark.parametrize(
    "changes",
    [
        {"asked_s": PROVEN_AT - 0.001},
        {"asked_s": None},
        {"is_alone": False},
        {"start_delay_s": 0.001},
        {"contract": replace(KEYS, lookup=LookupAuthority.ADVISORY)},
    ],
    ids=["too early", "not asked", "something on its way", "may have started late", "no authority"],
)
def test_not_found_proves_nothing_otherwise(changes):
    assert isinstance(judged(**changes), OutcomeUnknown)


@pytest.mark.parametrize("said", [Pending(reference="ref-9"), b.approved(amount_minor=1)], ids=lambda said: said.type)
def test_not_found_proves_nothing_about_what_the_gateway_has_spoken_of_before(said):
    assert isinstance(judged(b.after(b.outcome(said), payment=b.in_doubt())), OutcomeUnknown)


def test_while_the_key_protects_it_the_identical_request_is_sent_again_instead():
    assert judged(now_s=899, may_send_again=True) is Purpose.RESEND
    assert isinstance(judged(now_s=899, asked_s=899), OutcomeUnknown)
    assert isinstance(judged(now_s=PROVEN_AT, may_send_again=True), NotProcessed)


def test_a_cancel_ends_the_resends_of_the_charge_but_not_those_of_what_carries_it_out():
    cancelled = b.after(b.cancel(), payment=b.in_doubt())
    assert isinstance(judged(cancelled, asked_s=50), NotProcessed)
    assert isinstance(judged(asked_s=50), OutcomeUnknown)
    returning = b.after(b.outcome(b.approved()), b.recorded(f"{b.ID}-cancel", b.unknown()), payment=cancelled)
    asked = Asked(asked_at=at(50), is_alone=True, may_send_again=False, start_delay_s=0.0)
    assert isinstance(judge_absence(KEYS, returning, returning.operations[0], asked, at(50)), OutcomeUnknown)


def test_not_found_says_nothing_about_what_is_settled():
    assert judged(b.succeeded()) is None


@pytest.mark.parametrize("contract", [NO_KEYS, replace(NO_KEYS, idempotency_window_s=1_000, key_covers_failures=False)])
def test_where_no_key_protects_a_failed_request_only_absence_is_waited_for(contract):
    assert isinstance(judged(contract=contract, now_s=49, asked_s=49, may_send_again=True), OutcomeUnknown)
    assert isinstance(judged(contract=contract, now_s=50, asked_s=50, may_send_again=True), NotProcessed)


# --- evidence -------------------------------------------------------------------------------------------

ALL = [
    b.approved(), b.hard(), b.wants_payer(), b.unknown(), Pending(reference="r"), Duplicate(), b.not_sent(),
    GatewayMisconfigured(), InvalidRequest(),
]  # fmt: skip


@pytest.mark.parametrize("outcome", ALL, ids=lambda o: o.type)
def test_the_charges_own_answer_is_taken_as_it_is(outcome):
    assert as_evidence(Purpose.SEND, outcome) is outcome


@pytest.mark.parametrize("purpose", [Purpose.LOOKUP, Purpose.RESEND])
@pytest.mark.parametrize("outcome", ALL[:5], ids=lambda o: o.type)
def test_a_question_that_was_answered_is_evidence_about_the_attempt(purpose, outcome):
    assert as_evidence(purpose, outcome) is outcome


@pytest.mark.parametrize("purpose", [Purpose.LOOKUP, Purpose.RESEND])
@pytest.mark.parametrize(
    "outcome",
    [NotProcessed(reason=Reason.BREAKER_OPEN, code="x"), GatewayMisconfigured(code="x"), InvalidRequest(code="x")],
    ids=lambda o: o.type,
)
def test_a_question_that_failed_says_nothing_about_the_attempt(purpose, outcome):
    found = as_evidence(purpose, outcome)
    assert isinstance(found, OutcomeUnknown)
    assert (found.reason, found.code) == (outcome.reason, "x")
    assert found.message.startswith(f"the {purpose} gave no answer")


def test_a_resend_that_the_gateway_has_seen_before_stays_unknown():
    found = as_evidence(Purpose.RESEND, Duplicate())
    assert found == OutcomeUnknown(reason=Reason.DUPLICATE_REFERENCE, message=Duplicate().message)


# --- when to ask again ----------------------------------------------------------------------------------


def test_checks_come_quickly_at_first_and_then_ever_more_rarely():
    delays = [check_delay_s(checks) for checks in range(len(CHECK_DELAYS_S))]
    assert delays == list(CHECK_DELAYS_S) == sorted(delays)
    assert check_delay_s(0) == 1


def test_the_last_delay_repeats_for_ever():
    assert check_delay_s(10_000) == CHECK_DELAYS_S[-1]
    assert [check_delay_s(checks, [3, 7]) for checks in range(4)] == [3, 7, 7, 7]
