"""`aegispay unpark`: the real command on the database of an engine that has ended."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from aegispay import AegisPay, GatewayContract, LookupAuthority, SimulatedGateway
from aegispay.gateways.script import Fault
from aegispay.hooks import Allow, Review
from tests.integration.command import aegispay
from tests.integration.engine.rig import order

MUTE = GatewayContract(lookup=LookupAuthority.NONE, idempotency_window_s=None)


def engine(where, act, gateway=None):
    """Run an engine on the database for as long as `act` takes."""

    async def run():
        gateways = [SimulatedGateway("alpha") if gateway is None else gateway]
        async with AegisPay(where / "payments.db", gateways=gateways) as aegis:
            return await act(aegis)

    return asyncio.run(run())


def parked_payment(where):
    gateway = SimulatedGateway("alpha", contract=MUTE)
    gateway.script("charge", Fault.ERROR_BEFORE)

    async def begin(aegis):
        payment = await aegis.pay(**order())
        await aegis._assembly.parking.park(payment.id, cause="a bug")
        return await aegis.get_payment(payment.id)

    payment = engine(where, begin, gateway)
    assert payment.is_parked
    return payment


def parked(where):
    assert aegispay(where, "verify").returncode == 0
    lines = aegispay(where, "payments", "--parked", "--json").stdout.splitlines()
    return [json.loads(line)["payment_id"] for line in lines]


def unpark(where, payment_id, operator="mira"):
    return aegispay(where, "unpark", payment_id, "--operator", operator)


def test_a_payment_that_was_set_aside_goes_on_and_keeps_who_said_so(tmp_path):
    payment = parked_payment(tmp_path)
    assert parked(tmp_path) == [payment.id]
    done = unpark(tmp_path, payment.id)
    assert (done.returncode, done.stderr) == (0, "")
    assert payment.id in done.stdout
    assert parked(tmp_path) == []
    assert "mira let it go on" in aegispay(tmp_path, "show", payment.id).stdout
    now = engine(tmp_path, lambda aegis: aegis.get_payment(payment.id))
    assert not now.is_parked


def test_it_is_done_once(tmp_path):
    payment = parked_payment(tmp_path)
    assert unpark(tmp_path, payment.id).returncode == 0
    shown = aegispay(tmp_path, "show", payment.id).stdout
    done = unpark(tmp_path, payment.id)
    assert done.returncode == 2
    assert f"{payment.id} is not parked" in done.stderr
    assert "payments --parked lists those that are." in done.stderr
    assert aegispay(tmp_path, "show", payment.id).stdout == shown


def test_what_was_half_done_when_the_process_died_is_done_by_doing_it_again(tmp_path):
    payment = parked_payment(tmp_path)
    with sqlite3.connect(tmp_path / "payments.db") as database:
        row = database.execute("SELECT * FROM parking").fetchone()
    database.close()
    assert unpark(tmp_path, payment.id).returncode == 0
    with sqlite3.connect(tmp_path / "payments.db") as database:
        database.execute(f"INSERT INTO parking VALUES ({', '.join('?' * len(row))})", row)
    database.close()
    assert parked(tmp_path) == [payment.id]
    assert unpark(tmp_path, payment.id).returncode == 0
    assert parked(tmp_path) == []
    assert aegispay(tmp_path, "show", payment.id).stdout.count("mira let it go on") == 1


def test_a_payment_that_waits_for_a_review_is_not_let_go_on(tmp_path):
    async def begin(aegis):
        @aegis.hooks.fraud_check(on_failure="closed", is_quick=True)
        def odd(context):
            return Review("looks odd") if context.payment.idempotency_key == "order-1" else Allow()

        return await aegis.pay(**order())

    payment = engine(tmp_path, begin)
    done = unpark(tmp_path, payment.id)
    assert done.returncode == 3
    assert "decide with aegispay review first" in done.stderr
    assert parked(tmp_path) == [payment.id]


def test_while_an_engine_has_the_database_open_it_has_to_be_asked(tmp_path):
    payment = parked_payment(tmp_path)
    done = engine(tmp_path, lambda _aegis: asyncio.to_thread(unpark, tmp_path, payment.id))
    assert done.returncode == 3
    assert "Call unpark_payment on the engine that has it open." in done.stderr
    assert parked(tmp_path) == [payment.id]


@pytest.mark.parametrize("payment_id", ["pay_" + "0" * 25, "rubbish", "pay_1"])
def test_a_payment_that_does_not_exist_is_said_to(tmp_path, payment_id):
    parked_payment(tmp_path)
    done = unpark(tmp_path, payment_id)
    assert done.returncode == 2
    assert f"there is no payment {payment_id}" in done.stderr


@pytest.mark.parametrize("operator", ["", "   ", "x" * 101])
def test_an_operator_needs_a_name(tmp_path, operator):
    payment = parked_payment(tmp_path)
    done = unpark(tmp_path, payment.id, operator)
    assert done.returncode == 2
    assert "--operator" in done.stderr
    assert parked(tmp_path) == [payment.id]


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    done = unpark(tmp_path, "pay_1")
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []
