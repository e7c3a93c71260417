"""Webhooks over a real socket."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import standardwebhooks

from tests.integration.sandbox.calls import charge, client_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Shop(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.arrived:
            self.server.received.append((dict(self.headers), body))
            self.server.arrived.notify_all()
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def shop():
    server = HTTPServer(("127.0.0.1", 0), Shop)
    server.received, server.arrived, server.status = [], threading.Condition(), 204
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait_for(shop, count):
    with shop.arrived:
        assert shop.arrived.wait_for(lambda: len(shop.received) >= count, timeout=60)


def subscribe(sandbox, shop):
    url = f"http://127.0.0.1:{shop.server_port}/hook"
    sandbox.admin("POST", "/admin/webhooks", {"url": url, "secret": SECRET})


def test_a_delivery_is_verified_by_the_standard_package(sandbox, shop):
    subscribe(sandbox, shop)
    with client_of(sandbox) as client:
        payment = charge(client, "r1", fault="webhook_first").json()
    [(headers, body)] = shop.received
    event = standardwebhooks.Webhook(SECRET).verify(body, headers)
    assert (event["type"], event["data"]) == ("payment.captured", payment)


def test_a_delivery_outlives_a_kill(sandbox, shop):
    shop.status = 500
    subscribe(sandbox, shop)
    with client_of(sandbox) as client:
        charge(client, "r1")
    wait_for(shop, 1)
    sandbox.kill()
    shop.status = 204
    before = len(shop.received)
    sandbox.start()
    wait_for(shop, before + 1)
    assert {json.loads(body)["id"] for _, body in shop.received} == {json.loads(shop.received[0][1])["id"]}
