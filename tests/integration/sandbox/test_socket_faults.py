"""Faults of the connection: what a client sees on a real socket, and what the books hold then."""

import socket

import httpx
import pytest

from tests.integration.sandbox.calls import HANG_S, LONG_S, captured, charge, client_of, find


def wait_until_it_listens(sandbox):
    """Connect until somebody answers; fails by the test's own timeout if nobody ever does."""
    with client_of(sandbox) as client:
        while True:
            try:
                return client.get("/v1/health").status_code
            except httpx.ConnectError:
                continue


@pytest.mark.parametrize(("fault", "references"), [("hang_before", []), ("hang_after", ["r1"])])
def test_a_hanging_request_is_never_answered(sandbox, fault, references):
    with client_of(sandbox) as client, pytest.raises(httpx.ReadTimeout):
        charge(client, "r1", fault=fault, timeout_s=HANG_S)
    assert captured(sandbox) == references
    with client_of(sandbox) as client:
        again = charge(client, "r1")
        assert (again.status_code, "idempotent-replayed" in again.headers) == (201, fault == "hang_after")
    assert captured(sandbox) == ["r1"]
    assert next((each["executed"], each["status"]) for each in sandbox.requests()) == (fault == "hang_after", None)


def test_the_key_of_a_request_that_hangs_is_in_use(sandbox):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=LONG_S) as hanging:
        hanging.sendall(raw_charge(sandbox, "r1", fault="hang_before"))
        while not sandbox.requests():
            pass
        with client_of(sandbox) as client:
            refused = charge(client, "r1")
            assert (refused.status_code, refused.json()["error"]["type"]) == (409, "in_progress")
    with client_of(sandbox) as client:
        while (answer := charge(client, "r1")).status_code == 409:
            pass
        assert answer.status_code == 201
    assert captured(sandbox) == ["r1"]


def test_a_hanging_look_up_is_never_answered(sandbox):
    with client_of(sandbox) as client:
        charge(client, "r1")
        with pytest.raises(httpx.ReadTimeout):
            client.get(
                "/v1/payments", params={"reference": "r1"}, headers={"sandbox-fault": "lookup_hang"}, timeout=HANG_S
            )
        assert len(find(client, "r1")) == 1


def test_an_answer_that_breaks_in_the_middle_was_carried_out(sandbox):
    with client_of(sandbox) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            charge(client, "r1", fault="drop_after")
        assert captured(sandbox) == ["r1"]
        assert charge(client, "r1").headers["idempotent-replayed"] == "true"
    assert captured(sandbox) == ["r1"]


def test_half_of_the_announced_bytes_are_sent(sandbox):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=LONG_S) as client:
        client.sendall(raw_charge(sandbox, "r1", fault="drop_after"))
        received = b""
        while block := client.recv(65_536):
            received += block
    head, _, part = received.partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 201")
    assert len(part) == announced // 2


def test_a_shut_door_refuses_connections_and_opens_again_on_the_same_port(sandbox):
    with client_of(sandbox) as client:
        charge(client, "r1")
        sandbox.admin("POST", "/admin/faults", {"fault": "refuse_connection", "seconds": 1.0})
        with pytest.raises(httpx.ConnectError):
            charge(client, "r2")
    assert wait_until_it_listens(sandbox) == 200
    assert captured(sandbox) == ["r1"]


def test_a_shut_door_drops_idle_connections(sandbox):
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=LONG_S) as idle:
        idle.sendall(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += idle.recv(65_536)
        sandbox.admin("POST", "/admin/faults", {"fault": "refuse_connection"})
        assert idle.recv(65_536) == b""
    assert wait_until_it_listens(sandbox) == 200


def test_the_request_that_shuts_the_door_is_dropped_without_a_byte(sandbox):
    with client_of(sandbox) as client, pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        charge(client, "r1", fault="refuse_connection")
    assert wait_until_it_listens(sandbox) == 200
    assert captured(sandbox) == []
    with client_of(sandbox) as client:
        assert charge(client, "r1").status_code == 201


def test_the_door_can_be_shut_again_while_it_is_shut_and_the_process_still_stops(sandbox):
    with client_of(sandbox) as client:
        sandbox.admin("POST", "/admin/faults", {"fault": "refuse_connection", "seconds": 60})
        with pytest.raises(httpx.ConnectError):
            charge(client, "r1")
    assert sandbox.stop() == 0
    assert sandbox.errors() == ""


def raw_charge(sandbox, reference, *, fault):
    with client_of(sandbox) as client:
        request = client.build_request(
            "POST",
            "/v1/payments",
            json={
                "reference": reference,
                "amount": 1000,
                "currency": "USD",
                "payment_method": {"type": "card", "token": "tok_visa"},
            },
            headers={"idempotency-key": f"key-{reference}", "sandbox-fault": fault},
        )
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join(["POST /v1/payments HTTP/1.1", *lines, "", ""]).encode() + request.read()
