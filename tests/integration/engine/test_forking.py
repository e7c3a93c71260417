"""A forked child has the engine's memory but none of its threads: it is told so instead of waiting for ever."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PARENT = """
import json, os, signal, sys
from aegispay import AegisPayError, BlockingAegisPay, SimulatedGateway

ORDER = {"idempotency_key": "order-1", "amount": "100.00", "currency": "USD",
         "payment_method": {"type": "card", "token": "tok_visa"}}
database = sys.argv[1]
said = {}

def in_child(name, act):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends the child where it would hang, so that the test can say so
        try:
            answer = act()
        except AegisPayError as error:
            answer = [type(error).__name__, str(error), error.hint]
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said[name] = json.loads(pipe.read() or '"hung"')
    os.waitpid(child, 0)

def another_engine():
    with BlockingAegisPay(database + "-child", gateways=[SimulatedGateway("alpha")]) as own:
        return own.pay(**ORDER).state.value

unopened = BlockingAegisPay(database + "-unopened", gateways=[SimulatedGateway("alpha")])

def opened_in_the_child():
    with unopened as own:
        return own.pay(**ORDER).state.value

with BlockingAegisPay(database, gateways=[SimulatedGateway("alpha")]) as aegis:
    payment = aegis.pay(**ORDER)
    in_child("get_payment", lambda: aegis.get_payment(payment.id).state.value)
    in_child("pay", lambda: aegis.pay(**ORDER).state.value)
    in_child("payment_ref", lambda: aegis.payment_ref(payment.id) and "a ref")
    in_child("health", lambda: aegis.health().is_healthy)
    in_child("open", lambda: aegis.open())
    in_child("close", lambda: [aegis.close(), repr(aegis) != ""])
    in_child("another_engine", another_engine)
    in_child("opened_in_the_child", opened_in_the_child)
    said["parent"] = aegis.pay(**ORDER | {"idempotency_key": "order-2"}).state.value
    said["pid"] = os.getpid()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    path = tmp_path_factory.mktemp("forking") / "payments.db"
    # Python 3.12 warns of any fork beside threads: that is what hosts do, and what is tested.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PARENT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("method", ["get_payment", "pay", "payment_ref", "health", "open"])
def test_a_forked_child_is_told_that_the_engine_is_another_processs(said, method):
    kind, message, hint = said[method]
    assert kind == "EngineClosedError"
    assert message == f"the engine was opened by process {said['pid']}, and this is a fork of it"
    assert "after the fork" in hint


def test_closing_in_a_forked_child_returns_and_leaves_the_parents_engine_alone(said):
    assert said["close"] == [None, True]
    assert said["parent"] == "success"


def test_a_forked_child_can_open_an_engine_of_its_own(said):
    assert said["another_engine"] == "success"


def test_an_engine_made_before_a_fork_can_be_opened_after_it(said):
    assert said["opened_in_the_child"] == "success"
