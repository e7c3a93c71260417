"""What hooks may do to a payment, as pure decisions; and how it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aegispay.domain import commands as c
from aegispay.domain.decide import decide
from aegispay.domain.decide_hooks import JUDGEMENTS_MAX
from aegispay.domain.enriched import enriched_request
from aegispay.domain.events import HookJudged, PaymentEnriched
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.domain.hook_story import hook_sentences
from aegispay.domain.invariants import check
from aegispay.domain.rejection import Rejection
from tests import builders as b


def enrich(**metadata):
    return c.EnrichPayment(at=b.NOW, hook="crm", metadata=metadata)


def judge(**changes):
    given = {"hook": "h", "kind": HookKind.FRAUD_CHECK, "verdict": VerdictKind.ALLOW, "score": 0.5}
    return c.JudgePayment(at=b.NOW, **(given | changes))


def created(**metadata):
    return b.after(b.create(metadata=metadata))


def test_only_what_is_new_is_added_and_an_addition_without_anything_new_is_no_event():
    payment = b.after(enrich(own=2, tier="gold"), payment=created(own=1))
    assert payment.metadata == {"own": 1, "tier": "gold"}
    assert decide(payment, enrich(tier="silver", own=3)) == ()
    assert enriched_request(payment).metadata == payment.metadata
    assert enriched_request(payment).fingerprint() != payment.fingerprint == payment.request.fingerprint()


def test_nothing_is_added_to_a_payment_that_is_being_processed():
    assert decide(b.processing(), enrich(tier="gold")) is Rejection.NOT_ALLOWED_IN_THIS_STATE


@pytest.mark.parametrize("kind", [HookKind.FRAUD_CHECK, HookKind.POST_VALIDATION])
def test_nobody_judges_a_payment_whose_first_attempt_has_begun(kind):
    assert decide(b.processing(), judge(kind=kind)) is Rejection.NOT_ALLOWED_IN_THIS_STATE
    assert decide(b.processing(), judge(kind=HookKind.ERROR_HANDLER)) != ()


def test_a_payment_is_judged_once_a_verdict_about_it_is_kept():
    payment = created()
    assert (payment.is_judged, payment.risk_score, payment.review) == (False, None, None)
    payment = b.after(
        judge(), judge(score=0.7, verdict=VerdictKind.REVIEW, hook="r"), judge(score=None), payment=payment
    )
    assert (payment.is_judged, payment.risk_score, payment.review.hook) == (True, 0.7, "r")
    assert not b.after(judge(kind=HookKind.ERROR_HANDLER), payment=created()).is_judged
    check(payment)


def test_there_is_a_bound_to_the_verdicts_that_are_kept():
    payment = b.after(*[judge()] * JUDGEMENTS_MAX, payment=created())
    assert decide(payment, judge()) is Rejection.TOO_MANY_JUDGEMENTS


def test_what_hooks_did_is_told_in_words():
    judged = HookJudged(
        at=b.NOW, hook="velocity", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.BLOCK, reason="too fast", score=0.9
    )
    assert hook_sentences(judged) == [
        "hook velocity (fraud check) said block, risk score 0.9, after 0.000 s",
        "too fast",
    ]
    failed = replace(judged, has_failed=True, score=None, reason="", took_s=1.5)
    assert hook_sentences(failed) == ["hook velocity (fraud check) failed, which counts as block, after 1.500 s"]
    added = PaymentEnriched(at=b.NOW, hook="crm", metadata={"tier": 1, "age": 2})
    assert hook_sentences(added) == ["hook crm added to the metadata: tier, age"]
