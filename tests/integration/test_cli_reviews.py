"""`aegispay payments --parked` and `aegispay review`: the real command on the database of an engine that has ended."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from aegispay import AegisPay, PaymentState, SimulatedGateway
from aegispay.hooks import Allow, Review
from tests.integration.command import aegispay
from tests.integration.engine.rig import order

WORDS = ("--operator", "ann", "--reason", "a known customer")


class Case:
    """A database with one payment that waits for a review and one that was charged, and what came of them."""

    def __init__(self, where):
        self.where = where
        self.gateway = SimulatedGateway("alpha")
        self.waiting, self.charged = self.engine(self._begin)

    async def _begin(self, aegis):
        @aegis.hooks.fraud_check(on_failure="closed", is_quick=True)
        def odd(context):
            return Review("looks odd") if context.payment.idempotency_key == "waits" else Allow()

        return await aegis.pay(**order("waits")), await aegis.pay(**order("goes"))

    def engine(self, act):
        """Run an engine on the database for as long as `act` takes."""

        async def run():
            async with AegisPay(self.where / "payments.db", gateways=[self.gateway]) as aegis:
                return await act(aegis)

        return asyncio.run(run())

    def review(self, verdict, *words, payment=None):
        return aegispay(self.where, "review", (payment or self.waiting).id, verdict, *(words or WORDS))

    def parked(self):
        """Return the ids that `payments --parked` lists, after `verify` found nothing wrong."""
        assert aegispay(self.where, "verify").returncode == 0
        lines = aegispay(self.where, "payments", "--parked", "--json").stdout.splitlines()
        return [json.loads(line)["payment_id"] for line in lines]

    def processed(self):
        """Return the payment after the next engine was asked to go on with it."""
        return self.engine(lambda aegis: aegis.process_payment(self.waiting.id))

    def execute(self, statement):
        with sqlite3.connect(self.where / "payments.db") as database:
            database.execute(statement)
        database.close()


@pytest.fixture
def case(tmp_path):
    made = Case(tmp_path)
    assert (made.waiting.is_parked, made.charged.state) == (True, PaymentState.SUCCESS)
    return made


def test_what_waits_for_a_review_is_listed_and_shown_with_its_reason(case):
    assert case.parked() == [case.waiting.id]
    assert "hook odd wants a review: looks odd" in aegispay(case.where, "show", case.waiting.id).stdout


def test_an_accepted_payment_is_charged_by_the_next_engine_without_asking_hooks_again(case):
    done = case.review("accept")

    assert (done.returncode, done.stderr) == (0, "")
    assert "state     authenticated" in done.stdout.splitlines()
    assert case.parked() == []
    payment = case.processed()
    assert (payment.state, payment.captured_minor, len(payment.attempts)) == (PaymentState.SUCCESS, 10_000, 1)


def test_who_accepted_it_and_why_is_shown(case):
    case.review("accept")

    shown = " ".join(aegispay(case.where, "show", case.waiting.id).stdout.split())

    assert "payment.unparked ann let it go on: a known customer" in shown


def test_a_refused_payment_ends_as_it_does_when_a_running_engine_is_told(case):
    done = case.review("refuse", "--operator", "ann", "--reason", "stolen goods")

    assert (done.returncode, done.stderr) == (0, "")
    assert "state     failure" in done.stdout.splitlines()
    assert case.parked() == []
    payment = case.processed()
    assert (payment.state, payment.attempts) == (PaymentState.FAILURE, ())
    failure = payment.failure
    assert (failure.reason, failure.code, failure.message) == (
        "risk_refused", "review", "ann refused it: stolen goods",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [("accept", "refuse", PaymentState.SUCCESS), ("refuse", "accept", PaymentState.FAILURE)],
)
def test_a_review_is_decided_once(case, first, second, state):
    case.review(first)

    again = case.review(second)

    assert again.returncode == 2
    assert "no review is open" in again.stderr
    assert case.processed().state is state


def test_a_payment_that_nobody_set_aside_has_no_review(case):
    done = case.review("refuse", payment=case.charged)

    assert done.returncode == 2
    assert "no review is open" in done.stderr
    assert case.parked() == [case.waiting.id]


def test_a_review_that_the_process_had_no_time_to_list_is_decided_all_the_same(case):
    case.execute("DELETE FROM parking")

    assert case.review("refuse").returncode == 0
    assert case.processed().state is PaymentState.FAILURE


def test_a_payment_that_kept_crashing_is_listed_and_is_no_review(case):
    async def crash(aegis):
        await aegis._assembly.parking.park(case.charged.id, cause="a bug")

    case.engine(crash)

    assert sorted(case.parked()) == sorted([case.waiting.id, case.charged.id])
    done = case.review("accept", payment=case.charged)
    assert done.returncode == 2
    assert "no review is open" in done.stderr
    assert len(case.parked()) == 2


def test_while_an_engine_has_the_database_open_it_has_to_be_asked(case):
    done = case.engine(lambda _aegis: asyncio.to_thread(case.review, "accept"))

    assert done.returncode == 3
    assert "Call review_payment on the engine that has it open." in done.stderr
    assert case.parked() == [case.waiting.id]


@pytest.mark.parametrize(
    ("verdict", "words", "message"),
    [
        ("perhaps", WORDS, "perhaps"),
        ("accept", ("--operator", "ann"), "--reason"),
        ("accept", ("--operator", "ann", "--reason", " "), "--reason"),
        ("accept", ("--operator", "a" * 101, "--reason", "x"), "--operator"),
    ],
)
def test_verdict_operator_and_reason_have_to_be_said(case, verdict, words, message):
    done = case.review(verdict, *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert case.parked() == [case.waiting.id]


def test_what_is_in_review_is_not_closed_in_another_way_and_the_message_says_which_way(case):
    done = aegispay(case.where, "close-incident", case.waiting.id, "x", "--operator", "ann", "--detail", "y")

    assert done.returncode == 3
    assert "decide with aegispay review first" in done.stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    done = aegispay(tmp_path, "review", "pay_1", "accept", *WORDS, "--database", "missing.db")

    assert done.returncode == 2
    assert "missing.db" in done.stderr
    assert list(tmp_path.iterdir()) == []
