"""What could go wrong with money, and which tests show that it does not; `python -m tests.hazards.table` writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/hazards.md"
ENGINE = "tests/integration/engine"
WEBHOOKS = "tests/integration/webhooks_out"
CHAOS = "tests/integration/chaos/test_scenarios.py"
DELIVERY = (
    "tests/torture/delivery/test_delivery.py::"
    "test_every_subscriber_and_endpoint_has_everything_in_order_after_kills_at_seeded_points"
)
_NAMED = re.compile(r"^(?:async )?def (test_([a-g]\d+)_\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Hazard:
    """One thing that could go wrong.

    Attributes:
        promise: of P1 to P8, as the page explains them; empty where none is touched.
        more: tests elsewhere that show it too.
        instead: where there is no test of its name, why.
    """

    id: str
    what: str
    promise: str
    more: tuple[str, ...] = ()
    instead: str = ""


def hazard(id: str, promise: str, what: str, *more: str, instead: str = "") -> Hazard:  # noqa: A002 - the word for it
    return Hazard(id=id, what=what, promise=promise, more=more, instead=instead)


HAZARDS = (
    # A. unknown outcomes, and charging twice
    hazard(
        "A1",
        "P1, P2",
        "No answer in time is taken for a failure, and the next gateway charges as well",
        f"{ENGINE}/test_outcomes.py::test_an_unknown_outcome_never_reaches_another_gateway",
    ),
    hazard("A2", "P2", "An unknown outcome is called a failure because it is old, and then the success arrives"),
    hazard(
        "A3",
        "P1, P2",
        "A success that comes late, for a payment that failed, is lost",
        f"{ENGINE}/test_refs.py::test_a_late_approval_of_a_failed_payment_is_an_incident_and_not_a_resurrection",
    ),
    hazard(
        "A4",
        "P2",
        "A status or an answer that cannot be read is taken for a failure",
        f"{CHAOS}::test_an_answer_that_cannot_be_right_is_never_a_success_by_itself",
    ),
    hazard("A5", "P1, P2", '"Already processed" or "in progress" is taken for a decline'),
    hazard(
        "A6",
        "P1, P2",
        'A look-up says "not found" because the gateway shows new payments late, and is believed',
        f"{ENGINE}/test_doubt.py::test_an_advisory_not_found_never_ends_the_doubt",
    ),
    hazard(
        "A7",
        "P1",
        "A gateway carries a request out again under the same key after an error of its own",
        f"{ENGINE}/test_doubt.py::test_a_resend_that_was_executed_unseen_is_not_charged_again_elsewhere",
    ),
    hazard(
        "A8",
        "P1",
        "A request is sent again after its key has ceased to protect it",
        f"{ENGINE}/test_doubt.py::test_nothing_is_resent_after_the_keys_window_and_the_doubt_stays",
        f"{ENGINE}/test_doubt.py::test_no_resend_leaves_in_the_last_tenth_of_the_keys_window",
    ),
    hazard("A9", "P1", "One key is used at two gateways, endpoints or regions, where it protects nothing"),
    hazard("A10", "P1", "What is sent again is not what was sent: another amount, order or time"),
    hazard("A11", "P1, P2", "A key was used up by a passing failure, and a new one charges again"),
    hazard(
        "A12",
        "P2, P3",
        "The process dies between the gateway's answer and the commit",
        f"{ENGINE}/test_lifetimes.py::test_a_payment_interrupted_in_its_charge_is_asked_about_and_charged_once",
    ),
    hazard("A13", "P1", "The HTTP client sends a request again by itself when a kept connection breaks"),
    hazard("A14", "P1, P2", "Not connected and not answered are taken for one thing"),
    hazard(
        "A15",
        "P1",
        "Reading a payment from its events calls gateways again",
        f"{ENGINE}/test_lifetimes.py::test_reopening_makes_no_gateway_call_for_finished_payments",
    ),
    # B. amounts
    hazard("B1", "P5", "More is captured than was authorized"),
    hazard(
        "B2",
        "P5",
        "Refunds at the same time return more than was captured",
        f"{ENGINE}/test_op_refunds.py::test_of_a_hundred_refunds_at_once_exactly_those_that_fit_are_made",
    ),
    hazard("B3", "P5", "A refund nobody knows about is not counted, and its amount is returned again"),
    hazard(
        "B4",
        "P4, P5",
        "Two refunds of one amount are taken for one, or one asked for twice for two",
        f"{ENGINE}/test_op_refunds.py::test_two_refunds_of_one_amount_with_two_keys_are_two_refunds",
        f"{ENGINE}/test_op_refunds.py::test_one_key_is_one_refund_however_many_ask",
    ),
    hazard("B5", "P5", "A total that a gateway reports is added up as if it were a part"),
    hazard("B6", "P5", "The payer gets his money twice: by refund and by chargeback"),
    hazard("B7", "P5", "Something is refunded that was never collected"),
    hazard("B8", "P5", "A gateway authorizes less than was asked, and all of it is captured"),
    hazard("B9", "P1, P2", "A gateway answers with another amount or currency, and it counts as success"),
    hazard("B10", "P5", "The books do not add up; the journal is the log of events, and all totals follow from it"),
    hazard("B11", "P5", "An authorization lapses because nobody remembered to capture it"),
    # C. order and races
    hazard(
        "C1",
        "P5",
        "A void and a capture at the same time both go through",
        f"{ENGINE}/test_op_races.py::test_of_a_void_and_a_capture_at_once_exactly_one_wins",
    ),
    hazard(
        "C2",
        "P1",
        "A payment is charged after it was cancelled, by a try that was still waiting",
        f"{ENGINE}/test_op_late_cancels.py::test_what_fails_after_a_cancel_is_cancelled_and_not_tried_elsewhere",
    ),
    hazard("C3", "P6", "A webhook comes twice and counts twice"),
    hazard("C4", "P2", "Webhooks overtake each other, and the older one wins"),
    hazard("C5", "P3", "A webhook comes before its payment is on disk and is lost, or makes a payment of its own"),
    hazard(
        "C6",
        "P1",
        "The payer's return and the webhook come at once, and both charge",
        f"{ENGINE}/test_op_actions.py::test_twenty_returns_and_the_webhook_at_once_are_one_charge",
    ),
    hazard("C7", "P2", "Another content comes under an event id that is known"),
    hazard(
        "C8",
        "P6",
        "The second event of a kind is taken for a repetition of the first",
        f"{ENGINE}/test_subscriptions.py::test_two_refunds_of_one_payment_are_two_events_with_ids_of_their_own",
        f"{WEBHOOKS}/test_endpoints.py::"
        "test_two_refunds_of_one_payment_are_two_events_and_every_event_between_them_arrives",
    ),
    hazard(
        "C9",
        "P1, P3",
        "Somebody whose turn is over goes on writing",
        f"{ENGINE}/test_fencing.py::test_taking_a_sqlite_database_over_fences_the_old_engine_and_finishes_its_payments",
        "tests/kill/test_freeze.py::"
        "test_a_process_that_was_taken_over_while_frozen_writes_nothing_and_charges_nobody_again",
    ),
    hazard(
        "C10",
        "P1, P3",
        "Two engines work on one database",
        f"{ENGINE}/test_shutdown.py::test_a_second_engine_on_the_same_database_is_refused_with_the_holders_name",
    ),
    hazard("C11", "P1", "Settings or routing change while a payment is under way"),
    hazard("C12", "P7", "A hook raises, hangs, answers nonsense or calls the engine back"),
    # D. keys of requests
    hazard("D1", "P4", "A key is used again for another request"),
    hazard(
        "D2",
        "P4",
        "One key is used many times at the same moment",
        f"{ENGINE}/test_storms.py::test_1000_concurrent_payments_with_one_key_are_one_payment_and_one_charge",
    ),
    hazard("D3", "P4", "A key is used again after the end, and the answer is another one"),
    hazard("D4", "P4", "Two merchants use one key"),
    hazard("D5", "P4", "A key is forgotten while its payment is open, or ever"),
    hazard("D6", "P3, P4", "The process dies after it took the key, before it did anything, and the key stays taken"),
    hazard("D7", "P4", "A request that was refused as invalid keeps its key"),
    # E. disk, time and coming back
    hazard(
        "E1",
        "P3, P6",
        "An event is committed and never told, or told and never committed; the log is the outbox",
        "tests/crash/test_subscriptions.py::test_a_process_that_dies_at_any_commit_loses_and_disorders_no_event",
        f"{ENGINE}/test_subscriptions_kill.py::"
        "test_after_kills_at_any_moment_everybody_has_every_event_and_the_books_have_it_once",
        f"{WEBHOOKS}/test_schedule.py::"
        "test_wherever_the_store_fails_no_event_is_missing_and_each_keeps_its_id_and_body",
        DELIVERY,
    ),
    hazard(
        "E2",
        "P6",
        "One payment's events reach somebody in another order",
        f"{ENGINE}/test_subscriptions_failing.py::test_later_events_of_a_payment_wait_and_other_payments_go_on",
        f"{WEBHOOKS}/test_endpoints.py::test_first_tries_of_a_payment_come_in_order",
        DELIVERY,
    ),
    hazard("E3", "P3", "One failed check ends all checks, and the payment is forgotten"),
    hazard("E4", "P3", "What became due while the engine was down is missed"),
    hazard("E5", "P3", "A payment read from its events is not the one in memory"),
    hazard(
        "E6",
        "P3",
        "Events that an older version wrote cannot be read",
        "tests/unit/outbox_contract/test_upcasting.py::test_a_log_of_an_older_version_folds_to_the_same_payments",
        "tests/unit/storage/test_schema_6.py::test_sealed_data_opens_and_an_erased_customer_stays_erased",
        "tests/test_event_schemas.py::test_each_version_still_keeps_what_it_promised_when_it_was_first_published",
    ),
    hazard(
        "E7",
        "P3",
        "Somebody edits the log, or the disk loses part of it, and nobody notices",
        "tests/unit/storage/test_verify_together.py::"
        "test_a_tail_that_was_cut_off_with_its_rows_shows_only_by_a_head_that_was_kept_elsewhere",
    ),
    hazard(
        "E8",
        "P7",
        "One payment crashes the engine again and again",
        "tests/crash/test_poison.py::test_only_the_payment_that_always_crashes_is_parked",
    ),
    hazard(
        "E9",
        "P1, P3",
        "The disk is full, busy or failing",
        f"{ENGINE}/test_store_trouble.py::test_an_intent_that_cannot_be_stored_makes_no_gateway_call",
        "tests/unit/storage/test_failures.py::test_a_full_disk_refuses_and_goes_on_when_there_is_space_again",
        f"{CHAOS}::test_each_kind_of_fault_alone_breaks_no_promise",
    ),
    hazard(
        "E10",
        "P2",
        "The date jumps forward or back",
        f"{ENGINE}/test_hard_answers.py::test_a_date_that_jumps_forward_does_not_make_absence_proved_early",
        f"{ENGINE}/test_hard_answers.py::test_a_date_that_goes_back_does_not_lengthen_the_window_of_a_key",
    ),
    hazard(
        "E11",
        "P3",
        "Something is accepted while the engine closes, and lost",
        f"{ENGINE}/test_shutdown.py::test_requests_caught_by_closing_are_answered_or_told_that_the_engine_is_closed",
    ),
    # F. health and routing
    hazard(
        "F1",
        "P7",
        "After a restart a breaker is closed although its gateway is down, or open for ever",
        f"{ENGINE}/test_breaker.py::test_the_open_breaker_and_its_age_survive_a_restart",
        "tests/unit/domain/test_breaker.py::test_a_restored_breaker_that_was_open_too_long_is_half_open_not_closed",
    ),
    hazard(
        "F2",
        "P7",
        "Everybody at once tries a gateway that may be back",
        f"{ENGINE}/test_breaker.py::"
        "test_a_half_open_gateway_gets_at_most_three_probes_at_once_and_the_rest_goes_elsewhere",
    ),
    hazard(
        "F3",
        "P7",
        "All gateways are closed off, and payments spin or pile up",
        f"{ENGINE}/test_breaker.py::test_with_every_breaker_open_the_refusal_is_clear_and_immediate",
    ),
    hazard(
        "F4",
        "P7",
        "Payers' mistakes close a gateway",
        f"{ENGINE}/test_breaker.py::test_declines_never_count_against_a_gateway",
    ),
    hazard(
        "F5",
        "P7",
        "A gateway that never answers looks healthy",
        f"{ENGINE}/test_breaker.py::test_only_the_gateways_own_faults_count",
    ),
    hazard(
        "F6",
        "P7",
        "A gateway without history is taken for a perfect one",
        "tests/unit/domain/test_routing.py::test_an_unproven_gateway_ranks_between_the_good_and_the_bad",
    ),
    hazard(
        "F7",
        "",
        "A card that was declined for good, or too often for its network, is tried again and again",
        f"{ENGINE}/test_outcomes.py::"
        "test_a_decline_keeps_the_gateways_own_words_and_is_a_decline_at_any_amount_of_asking",
    ),
    hazard(
        "F8",
        "P7",
        "A gateway is chosen that is switched off or cannot take the payment",
        "tests/unit/domain/test_routing.py::test_no_strategy_ever_picks_a_gateway_that_is_not_eligible",
        f"{ENGINE}/test_routing.py::test_a_disabled_gateway_gets_nothing_new_until_it_is_enabled_again",
    ),
    hazard("F9", "", "Shares of traffic drift from what was set"),
    hazard(
        "F10",
        "P7",
        "Retries multiply the load on gateways that are in trouble",
        f"{ENGINE}/test_outcomes.py::test_attempts_end_at_the_limit_or_when_every_gateway_was_tried",
    ),
    # G. formats, secrets, trust
    hazard("G1", "P5", "An amount is sent a hundred times too large, or ten times too small, for its currency"),
    hazard("G2", "P5", "An amount passes through a float"),
    hazard("G3", "P5", "The rest of a division is lost"),
    hazard(
        "G4",
        "P8",
        "A card number or security code gets into an event, a file, a log line or an error",
        f"{ENGINE}/test_card_data.py::test_a_card_number_anywhere_is_refused_and_stands_in_no_error_log_or_file",
    ),
    hazard("G5", "P2", "A webhook is forged, replayed or stale"),
    hazard(
        "G6",
        "P2",
        "A webhook of one gateway is used about another one's payment",
        "tests/hazards/test_inbox.py::test_c7_the_same_id_at_another_gateway_is_another_event",
    ),
    hazard("G7", "P8", "A secret shows in what an object says of itself, or is pickled"),
    hazard("G8", "P4", "Keys of two merchants meet in one place"),
)

_HEAD = """# Hazards

What is known to go wrong in payment systems, what AegisPay promises about it, and the tests that show it. A test checks
that every row is there and that every test named in it exists; `python -m tests.hazards.table` writes this page.

The promises:

- **P1** For one payment, the money captured over all gateways never exceeds its amount.
- **P2** An unknown outcome is never guessed: there is evidence, or it stays unknown.
- **P3** What a call returned survives any crash, and every unfinished payment goes on by itself.
- **P4** One idempotency key is one payment.
- **P5** Amounts add up: what is refunded or may be stays within what is captured, and that within the authorized.
- **P6** Every event is delivered, at least once, in order per payment, under an id that never changes.
- **P7** One bad part stays one bad part.
- **P8** No card number and no security code is kept anywhere.

"""
_GROUPS = {
    "A": "Unknown outcomes, and charging twice",
    "B": "Amounts",
    "C": "Order and races",
    "D": "Keys of requests",
    "E": "Disk, time and coming back",
    "F": "Health and routing",
    "G": "Formats, secrets and trust",
}


def named_tests() -> dict[str, list[str]]:
    """Return all tests whose name begins with the id of a hazard, by that id."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, of in _NAMED.findall(path.read_text(encoding="utf-8")):
            found.setdefault(of.upper(), []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def page() -> str:
    """Return docs/hazards.md as it has to be."""
    own = named_tests()
    parts = [_HEAD]
    for group, title in _GROUPS.items():
        parts.append(f"## {title}\n\n| id | what could happen | promise | shown by |\n|---|---|---|---|\n")
        parts += [_row(each, own.get(each.id, [])) for each in HAZARDS if each.id[0] == group]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def _row(each: Hazard, own: list[str]) -> str:
    shown = each.instead or "<br>".join(f"`{test}`" for test in (*own, *each.more))
    return f"| {each.id} | {each.what} | {each.promise or 'none'} | {shown} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
