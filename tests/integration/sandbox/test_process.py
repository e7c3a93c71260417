"""The real command: where it listens, how it ends, and what a kill at any moment leaves."""

import random
import socket
import threading

import httpx
import pytest

from tests.integration.command import aegispay
from tests.integration.sandbox.calls import body, captured, charge, client_of, find
from tests.integration.sandbox.process import SandboxProcess

KILLS = 3
CLIENTS = 4


def test_it_says_where_it_listens_and_stops_in_order(sandbox):
    assert sandbox.port > 0
    with client_of(sandbox) as client:
        assert client.get("/v1/health").json()["status"] == "up"
    assert sandbox.stop() == 0
    assert sandbox.errors() == ""


def test_it_stops_although_a_request_hangs(sandbox):
    with socket.create_connection(("127.0.0.1", sandbox.port)) as hanging:
        hanging.sendall(
            b"GET /v1/payments?reference=r HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_sandbox_x\r\n"
            b"sandbox-fault: lookup_hang\r\n\r\n"
        )
        while not sandbox.requests():
            pass
        assert sandbox.stop() == 0
    assert sandbox.errors() == ""


def test_nobody_listens_after_a_kill_and_a_restart_has_the_same_port_and_books(sandbox):
    with client_of(sandbox) as client:
        first = charge(client, "r1")
        url = sandbox.url
        sandbox.kill()
        with pytest.raises(httpx.TransportError):
            charge(client, "r1")
        sandbox.start()
        assert sandbox.url == url
        again = charge(client, "r1")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert captured(sandbox) == ["r1"]


def test_a_key_whose_request_died_before_executing_is_usable_again(sandbox):
    with client_of(sandbox) as client:
        with socket.create_connection(("127.0.0.1", sandbox.port)) as hanging:
            content = httpx.Request("POST", "http://x", json=body("r1")).read()
            hanging.sendall(
                b"POST /v1/payments HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_sandbox_test\r\n"
                b"idempotency-key: key-r1\r\nsandbox-fault: hang_before\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(content), content)
            )
            while not sandbox.requests():
                pass
            sandbox.restart()
        assert charge(client, "r1").status_code == 201
    assert captured(sandbox) == ["r1"]


def pay_until_done(sandbox, references, sent, is_up):
    """Charge each reference under its one key until it is answered, whatever happens meanwhile."""
    with client_of(sandbox) as client:
        for reference in references:
            while True:
                try:
                    assert charge(client, reference).status_code == 201
                except httpx.TransportError:
                    assert is_up.wait(timeout=60)
                    continue
                sent.release()
                break


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_it_charges_every_key_once_and_forgets_no_answer(sandbox, seed):
    rng = random.Random(seed)
    names = [[f"r{worker}-{number}" for number in range(25)] for worker in range(CLIENTS)]
    sent, is_up = threading.Semaphore(0), threading.Event()
    is_up.set()
    workers = [threading.Thread(target=pay_until_done, args=(sandbox, each, sent, is_up)) for each in names]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        for _ in range(rng.randrange(5, 30)):
            assert sent.acquire(timeout=60), f"seed {seed}"
        is_up.clear()
        sandbox.restart()
        is_up.set()
    for worker in workers:
        worker.join(timeout=120)
    wanted = sorted(reference for each in names for reference in each)
    assert sorted(captured(sandbox)) == wanted, f"seed {seed}"
    with client_of(sandbox) as client:
        assert all(len(find(client, reference)) == 1 for reference in wanted), f"seed {seed}"


def test_failures_are_forgotten_where_the_command_says_so(tmp_path):
    with SandboxProcess(tmp_path, "--reexecute-failures") as sandbox, client_of(sandbox) as client:
        assert charge(client, "r1", fault="error_504_after").status_code == 504
        assert charge(client, "r1").status_code == 201
        assert captured(sandbox) == ["r1", "r1"]


def test_the_ledger_of_a_running_sandbox_is_refused_with_exit_code_3(sandbox):
    done = aegispay(sandbox.ledger.parent, "sandbox", "--port", "0", "--ledger", str(sandbox.ledger))
    assert (done.returncode, done.stdout) == (3, "")
    assert "open in another process" in done.stderr
    assert "One sandbox per ledger" in done.stderr


def test_a_port_in_use_is_refused_with_exit_code_2(sandbox):
    done = aegispay(sandbox.ledger.parent, "sandbox", "--port", str(sandbox.port), "--ledger", "other.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--port {sandbox.port}" in done.stderr
