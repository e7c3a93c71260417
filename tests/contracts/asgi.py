"""An ASGI server reduced to its messages, and an engine that answers what a test says."""

from __future__ import annotations

import asyncio
import json

from aegispay.ports import Receipt
from aegispay.testing import run_virtual
from aegispay.webhooks import asgi

SECRET_TEXT = "connection string with a password"


class Engine:
    """Answers, or raises, what the test says, and remembers what it was given."""

    def __init__(self, answer=Receipt.STORED):
        self.answer = answer
        self.given = []

    async def receive_webhook(self, gateway, headers, body):
        self.given.append((gateway, dict(headers), body))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def scope(path="/alpha", method="POST", headers=(), root_path=""):
    return {"type": "http", "path": path, "method": method, "headers": list(headers), "root_path": root_path}


def parts(*bodies):
    """Return the messages of a body that comes in parts."""
    last = len(bodies) - 1
    return [{"type": "http.request", "body": body, "more_body": i < last} for i, body in enumerate(bodies)]


async def converse(engine, asked, messages):
    left, sent = list(messages), []

    async def receive():
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def send(message):
        sent.append(message)

    await asgi(engine)(asked, receive, send)
    return sent, left


def drive(engine, asked=None, messages=None):
    """Return what the application sent."""
    return run_virtual(converse(engine, asked or scope(), parts(b"{}") if messages is None else messages))[0]


def answer(engine, asked=None, messages=None):
    """Return status code, headers and the JSON of the answer."""
    start, body = drive(engine, asked, messages)
    assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
    return start["status"], dict(start["headers"]), json.loads(body["body"])
