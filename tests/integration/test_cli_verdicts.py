"""`aegispay resolve` and `aegispay close-incident`: the real command on the database of an engine that has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from aegispay import AegisPay, GatewayContract, LookupAuthority, PaymentState, SimulatedGateway
from aegispay.gateways.script import Fault
from tests.integration.command import aegispay
from tests.integration.engine.books import SAID
from tests.integration.engine.rig import order

MUTE = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None, partial_authorization=True)
WORDS = ("--evidence", "seen in the portal", "--operator", "mira")
EXECUTED = ("--verdict", "executed", "--gateway-reference", "alpha_1", *WORDS)
NOT_EXECUTED = ("--verdict", "not_executed", *WORDS)


@dataclass
class Left:
    """What an engine left behind, and how to look at it afterwards."""

    path: object
    gateway: SimulatedGateway
    payment: object

    def resolve(self, *given, payment_id=None):
        return aegispay(self.path, "resolve", payment_id or self.payment.id, *given)

    def now(self):
        """Return the payment as the next engine finds it, after `verify` found nothing wrong."""
        assert aegispay(self.path, "verify").returncode == 0
        return engine(self.path, self.gateway, lambda aegis: aegis.get_payment(self.payment.id))


def engine(where, gateway, act):
    """Run an engine on the database for as long as `act` takes."""

    async def run():
        async with AegisPay(where / "payments.db", gateways=[gateway]) as aegis:
            return await act(aegis)

    return asyncio.run(run())


def left(where, act, fault=Fault.ERROR_AFTER, **changes):
    """Let an engine make a payment whose charge is in doubt, do what `act` says, and end."""
    gateway = SimulatedGateway("alpha", contract=MUTE)
    gateway.script("authorize" if "capture" in changes else "charge", fault)

    async def begin(aegis):
        payment = await aegis.pay(**order(**changes))
        assert payment.in_doubt
        return await act(aegis, payment, gateway)

    return Left(where, gateway, engine(where, gateway, begin))


async def nothing(_aegis, payment, _gateway):
    return payment


async def cancelled(aegis, payment, _gateway):
    return await aegis.cancel_payment(payment.id)


async def parked(aegis, payment, _gateway):
    await aegis._assembly.parking.park(payment.id, cause="a bug")
    return await aegis.get_payment(payment.id)


async def contradicted(aegis, payment, gateway):
    """Say that the charge was not made, and let the gateway report that it was."""
    await aegis.resolve_payment(payment.id, "not_executed", **SAID)
    (said,) = gateway.notifications(payment.id)
    await aegis.receive_webhook("alpha", *gateway.webhook(said))
    payment = await aegis.get_payment(payment.id)
    assert [incident.is_open for incident in payment.incidents] == [True]
    return payment


# --- verdicts -------------------------------------------------------------------------------------------


def test_executed_makes_the_charge_a_success(tmp_path):
    doubt = left(tmp_path, nothing)

    done = doubt.resolve(*EXECUTED)

    assert (done.returncode, done.stderr) == (0, "")
    assert "state     success" in done.stdout.splitlines()
    payment = doubt.now()
    assert (payment.state, payment.captured_minor) == (PaymentState.SUCCESS, 10_000)
    assert payment.attempts[0].reference == "alpha_1"


def test_not_executed_ends_the_charge_as_a_failure(tmp_path):
    doubt = left(tmp_path, nothing, Fault.ERROR_BEFORE)

    done = doubt.resolve(*NOT_EXECUTED)

    assert (done.returncode, done.stderr) == (0, "")
    assert "state     failure" in done.stdout.splitlines()
    payment = doubt.now()
    assert (payment.state, payment.captured_minor, len(payment.attempts)) == (PaymentState.FAILURE, 0, 1)


def test_a_verdict_is_given_once(tmp_path):
    doubt = left(tmp_path, nothing)
    doubt.resolve(*EXECUTED)
    before = doubt.now()

    again = doubt.resolve(*NOT_EXECUTED)

    assert again.returncode == 2
    assert f"{doubt.payment.id} is not in doubt" in again.stderr
    assert doubt.now() == before


def test_how_much_of_an_authorization_was_made_has_to_be_said(tmp_path):
    doubt = left(tmp_path, nothing, token="tok_partial", capture="manual")

    done = doubt.resolve(*EXECUTED)

    assert done.returncode == 2
    assert "--amount: say how much was authorized" in done.stderr
    assert "Give the amount that the gateway shows." in done.stderr
    assert doubt.now() == doubt.payment


def test_an_authorization_is_of_the_amount_that_was_said(tmp_path):
    doubt = left(tmp_path, nothing, token="tok_partial", capture="manual")

    done = doubt.resolve(*EXECUTED, "--amount", "60.00")

    assert done.returncode == 0
    payment = doubt.now()
    assert (payment.state, payment.authorized_minor) == (PaymentState.AUTHORIZED, 6_000)


def test_a_cancelled_charge_that_was_made_is_left_to_an_engine_that_can_give_it_back(tmp_path):
    doubt = left(tmp_path, cancelled)
    assert doubt.payment.is_cancel_requested

    done = doubt.resolve(*EXECUTED)

    assert done.returncode == 2
    assert "cancelled money has to be given back by an engine" in done.stderr
    assert doubt.now() == doubt.payment


def test_a_cancelled_charge_that_was_not_made_is_cancelled(tmp_path):
    doubt = left(tmp_path, cancelled, Fault.ERROR_BEFORE)

    done = doubt.resolve(*NOT_EXECUTED)

    assert done.returncode == 0
    assert doubt.now().state is PaymentState.CANCELLED


# --- where there is nothing to say ----------------------------------------------------------------------


def test_while_an_engine_has_the_database_open_it_has_to_be_asked(tmp_path):
    doubt = left(tmp_path, nothing)

    done = engine(tmp_path, doubt.gateway, lambda _aegis: asyncio.to_thread(doubt.resolve, *EXECUTED))

    assert done.returncode == 3
    assert "payments.db is open in another engine" in done.stderr
    assert "Call resolve_payment on the engine that has it open." in done.stderr
    # The engine goes on asking meanwhile, so that the payment may have changed, but not by what was said.
    payment = doubt.now()
    assert (payment.in_doubt, payment.captured_minor) == (True, 0)


@pytest.mark.parametrize("payment_id", ["pay_" + "0" * 25, "rubbish"])
def test_a_payment_that_does_not_exist_is_said_not_to(tmp_path, payment_id):
    doubt = left(tmp_path, nothing)

    done = doubt.resolve(*EXECUTED, payment_id=payment_id)

    assert done.returncode == 2
    assert f"there is no payment {payment_id}" in done.stderr
    assert doubt.now() == doubt.payment


@pytest.mark.parametrize(
    "command",
    [("resolve", "pay_1", *EXECUTED), ("close-incident", "pay_1", "x", "--operator", "mira", "--detail", "seen")],
    ids=lambda command: command[0],
)
def test_a_database_that_is_not_there_is_not_made(tmp_path, command):
    done = aegispay(tmp_path, *command, "--database", "missing.db")

    assert done.returncode != 0
    assert "missing.db" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_parked_payment_has_to_go_on_first(tmp_path):
    doubt = left(tmp_path, parked)

    done = doubt.resolve(*EXECUTED)

    assert done.returncode == 3
    assert "is parked" in done.stderr
    assert "Let it go on with aegispay unpark first." in done.stderr
    assert doubt.now() == doubt.payment


# --- incidents ------------------------------------------------------------------------------------------


def close(where, payment, incident_id):
    return aegispay(where, "close-incident", payment.id, incident_id, "--operator", "mira", "--detail", "given back")


def test_an_incident_is_closed_once(tmp_path):
    case = left(tmp_path, contradicted)
    (incident,) = case.payment.incidents

    first = close(tmp_path, case.payment, incident.id)
    payment = case.now()
    again = close(tmp_path, case.payment, incident.id)

    assert (first.returncode, first.stderr) == (0, "")
    assert "incident" not in first.stdout
    assert [i.is_open for i in payment.incidents] == [False]
    assert again.returncode == 2
    assert "no such open incident" in again.stderr
    assert case.now() == payment


def test_an_incident_that_does_not_exist_is_said_not_to(tmp_path):
    case = left(tmp_path, contradicted)

    done = close(tmp_path, case.payment, "another")

    assert done.returncode == 2
    assert "no such open incident" in done.stderr
    assert case.now() == case.payment


def test_while_an_engine_is_open_no_incident_is_closed_beside_it(tmp_path):
    case = left(tmp_path, contradicted)
    (incident,) = case.payment.incidents

    done = engine(tmp_path, case.gateway, lambda _aegis: asyncio.to_thread(close, tmp_path, case.payment, incident.id))

    assert done.returncode == 3
    assert "Call close_incident on the engine that has it open." in done.stderr
    assert case.now() == case.payment
