"""Traceparents, and the seam when nobody traces."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from aegispay.observability.telemetry import Telemetry
from aegispay.observability.tracing import is_sampled, is_traceparent, parse_traceparent, trace_id, trace_id_of
from aegispay.ports.tracing import current_span, outgoing_headers
from tests.builders import after, authenticate, create

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_is_read():
    assert parse_traceparent(TRACEPARENT) == (int(TRACE, 16), int(SPAN, 16), 1)
    assert trace_id(TRACEPARENT) == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        TRACEPARENT[:-1],
        TRACEPARENT + "0",
        TRACEPARENT.upper(),
        f"01-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0\n",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_no_traceparent_is_none(text):
    assert parse_traceparent(text) is None
    assert not is_traceparent(text)


@pytest.mark.parametrize(("flags", "expected"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_the_last_bit_says_whether_a_trace_is_recorded(flags, expected):
    assert is_sampled(f"00-{TRACE}-{SPAN}-{flags}") is expected


def test_a_payment_keeps_the_trace_of_the_call_that_created_it():
    payment = after(replace(create(), trace=TRACEPARENT), authenticate())
    assert payment.trace == TRACEPARENT
    assert trace_id_of(payment) == TRACE
    assert trace_id_of(after(create())) is None


def test_no_trace_is_not_recorded_and_has_no_id():
    assert not is_sampled(None)
    assert trace_id(None) is None


def test_outgoing_requests_carry_the_current_trace_and_nothing_without_one():
    assert outgoing_headers() == {}
    token = current_span.set(SimpleNamespace(traceparent=TRACEPARENT))
    try:
        assert outgoing_headers() == {"traceparent": TRACEPARENT}
    finally:
        current_span.reset(token)


def test_nothing_is_traced_where_nobody_wants_it():
    telemetry = Telemetry()
    assert not telemetry.is_tracing
    assert telemetry.call_started(None, "alpha", "charge", payment_id="pay", reference="a1", purpose="send") is None


def test_an_sdk_that_is_set_up_later_is_found(tmp_path):
    program = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from aegispay.observability.otel import OpenTelemetry\n"
        "export = OpenTelemetry()\n"
        "print(export.is_tracing)\n"
        "trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))\n"
        "print(export.is_tracing, export.start('pay', {}).is_recorded)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\nTrue True\n", "")


def test_the_engine_works_without_opentelemetry(tmp_path):
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import asyncio\n"
        "from aegispay import AegisPay, Card, MemoryStore, SimulatedGateway\n"
        "async def main():\n"
        "    async with AegisPay(MemoryStore(), gateways=[SimulatedGateway('alpha')]) as aegis:\n"
        "        fields = dict(idempotency_key='k', amount='1', currency='USD', payment_method=Card(token='tok'))\n"
        "        payment = await aegis.pay(**fields)\n"
        "        print(payment.state, payment.trace, (await aegis.metrics()).payments['success'])\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("success None 1\n", "")
