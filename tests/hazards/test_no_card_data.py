"""Hazard G4 of docs/hazards.md in what leaves the engine: events handed on, logs, stderr, exports; and in crashes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aegispay import AegisPay, CardDataError, SimulatedGateway
from aegispay.domain import card_data
from aegispay.domain.deliveries.schedule import RetrySchedule
from aegispay.observability import lines
from aegispay.observability.otel import OpenTelemetry
from aegispay.outbox import running
from tests.hazards.card_numbers import card_number
from tests.hazards.outbox_inputs import OUTBOX_INPUTS
from tests.hazards.test_secrets import CVV, FUZZ, SEEDS, paid, try_out
from tests.hazards.traces import Traces, watched
from tests.integration.engine.rig import Adapter, order

PAN = "4242424242424242"


@contextlib.contextmanager
def overheard(folder: Path) -> Iterator[Traces]:
    """Watch all that is logged, printed or warned of, too."""
    err, out = io.StringIO(), io.StringIO()
    with watched(folder) as traces, contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        logging.captureWarnings(capture=True)
        try:
            yield traces
        finally:
            logging.captureWarnings(capture=False)
            traces.texts += [("standard error", err.getvalue()), ("standard output", out.getvalue())]


# --- inputs ------------------------------------------------------------------------------------------


async def give(folder: Path, secrets: Mapping[str, str], traces: Traces) -> None:
    async with AegisPay(folder / "payments.db", gateways=[SimulatedGateway("alpha"), Adapter(name="idle")]) as aegis:
        on = await paid(aegis)
        for each in OUTBOX_INPUTS:
            await try_out(each, on, secrets[each.name], traces)
        traces.shown(await aegis.health())
        traces.shown(await aegis.metrics())
        traces.shown(await aegis.subscriptions())


@FUZZ
@given(seed=SEEDS)
def test_g4_no_input_about_events_audit_or_export_lets_a_card_number_through(seed, tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("fuzz"), random.Random(seed)
    secrets = {each.name: card_number(source) for each in OUTBOX_INPUTS}
    with overheard(folder) as traces:
        asyncio.run(give(folder, secrets, traces))
    assert traces.leaks_of(secrets) == []
    assert traces.taken == []


# --- crashes -----------------------------------------------------------------------------------------


def leaking(said: str) -> Exception:
    """Return an exception as client libraries make them: the request in its text, its arguments, cause and notes."""
    cause = ValueError(f"POST /charges {{'number': '{said}', 'cvv': '{CVV}'}}", {"card": said})
    error = RuntimeError(f"card {said} with cvv={CVV} was refused")
    error.__cause__ = cause
    error.add_note(said)
    return error


class Crashing:
    """Raises what was prepared for each place, and knows where it was asked."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = secrets
        self.asked: set[str] = set()

    def at(self, place: str):
        def call(*_: object) -> None:
            self.asked.add(place)
            card = self.secrets[place]  # a variable that a renderer of local variables would show
            raise leaking(card)

        return call


HOOKS = {
    "pre_validation": {"on_failure": "open"},
    "post_validation": {"on_failure": "open"},
    "fraud_check": {"on_failure": "open"},
    "routing_strategy": {},
    "enrichment": {"on_failure": "open"},
    "event_listener": {},
    "metrics_collector": {},
    "error_handler": {},
    "before": {"on_failure": "open"},
    "after": {},
}
SUBSCRIBERS = ("subscriber", "async subscriber", "transactional subscriber")
PLACES = (*HOOKS, *SUBSCRIBERS, "adapter", "health check", "close", "lost task")
ONCE = RetrySchedule(delays_s=(), jitter=0.0)


class CrashingAdapter(Adapter):
    def __init__(self, crashing: Crashing) -> None:
        super().__init__(crashing.at("adapter"), lookup=crashing.at("adapter"))
        self._crashing = crashing

    async def health_check(self):
        self._crashing.at("health check")()

    async def aclose(self):
        self._crashing.at("close")()


async def crash_everywhere(folder: Path, crashing: Crashing, traces: Traces) -> None:
    gateways = [SimulatedGateway("alpha"), CrashingAdapter(crashing)]
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = OpenTelemetry(tracer_provider=tracing, meter_provider=MeterProvider([reader]))
    engine = AegisPay(folder / "payments.db", gateways=gateways, telemetry=telemetry)
    for kind, options in HOOKS.items():
        getattr(engine.hooks, kind)(name=kind, is_quick=True, **options)(crashing.at(kind))

    async def asynchronous(event):
        crashing.at("async subscriber")()

    def transactional(event, transaction):
        crashing.at("transactional subscriber")()

    async with engine as aegis:
        await aegis.subscribe("payment.*", crashing.at("subscriber"), name="plain", retry=ONCE)
        await aegis.subscribe("payment.*", asynchronous, name="asynchronous", retry=ONCE)
        await aegis.subscribe("payment.*", transactional, name="transactional", transactional=True, retry=ONCE)
        fine = await aegis.pay(**order("fine", gateway="alpha"))
        doubtful = await aegis.pay(**order("doubtful", gateway="odd"))
        await aegis.refund_payment(fine.id, idempotency_key="r")
        lost = asyncio.create_task(_lose(crashing))
        await asyncio.wait({lost})
        del lost
        traces.shown((fine, doubtful))
        await _settled(aegis)
        for thing in (aegis.health(), aegis.metrics(), aegis.subscriptions(), aegis.dead_letters()):
            traces.shown(await thing)
        traces.shown(await aegis.export_payment(doubtful.id, personal=True))
        traces.shown(aegis.hooks.list())
        traces.shown(reader.get_metrics_data().to_json())
    traces.shown([span.to_json() for span in spans.get_finished_spans()])
    assert len(spans.get_finished_spans()) > 5


async def _lose(crashing: Crashing) -> None:
    crashing.at("lost task")()


async def _settled(aegis: AegisPay) -> None:
    """Wait until each subscriber has a dead letter."""
    async with asyncio.timeout(60):
        # Nobody says when there is one.
        while len({letter.subscriber for letter in await aegis.dead_letters()}) < len(SUBSCRIBERS):  # noqa: ASYNC110
            await asyncio.sleep(0)


@FUZZ
@given(seed=SEEDS)
def test_g4_no_crash_of_an_adapter_a_hook_or_a_subscriber_leaves_card_data_anywhere(seed, tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("crashes"), random.Random(seed)
    secrets = {place: card_number(source) for place in PLACES}
    crashing = Crashing(secrets)
    with overheard(folder) as traces:
        asyncio.run(crash_everywhere(folder, crashing, traces))
    assert traces.leaks_of({**secrets, "security code": CVV}) == []
    assert crashing.asked == set(PLACES)


@pytest.mark.parametrize(
    "where", ["structlog without processors", "structlog with tracebacks", "structlog that fails", "a host's handler"]
)
def test_g4_however_the_host_logs_no_crash_shows_card_data(where, tmp_path):
    secrets = {place: card_number(random.Random(place)) for place in PLACES}
    said = io.StringIO()
    factory = structlog.PrintLoggerFactory(said)
    if where == "a host's handler":
        handler = logging.StreamHandler(said)
        logging.getLogger().addHandler(handler)
    else:
        processors = {
            "structlog without processors": [structlog.processors.KeyValueRenderer()],
            "structlog with tracebacks": [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
            "structlog that fails": [lambda *_: 1 / 0],
        }[where]
        structlog.configure(processors=processors, logger_factory=factory)
    try:
        with overheard(tmp_path) as traces:
            asyncio.run(crash_everywhere(tmp_path, Crashing(secrets), traces), debug=True)
    finally:
        structlog.reset_defaults()
        if where == "a host's handler":
            logging.getLogger().removeHandler(handler)
    traces.texts.append(("the host's log", said.getvalue()))
    assert ("hook_failed" in said.getvalue()) == (where != "structlog that fails")
    assert traces.leaks_of({**secrets, "security code": CVV}) == []


# --- that it would be seen ----------------------------------------------------------------------------


def leaks(tmp_path) -> list[str]:
    secrets = {each: card_number(random.Random(each)) for each in PLACES}
    with overheard(tmp_path) as traces:
        asyncio.run(crash_everywhere(tmp_path, Crashing(secrets), traces))
    return traces.leaks_of({**secrets, "security code": CVV})


@pytest.fixture
def unfiltered():
    """Take the filters off the loggers of libraries."""
    log = logging.getLogger("asyncio")
    filters = list(log.filters)
    log.filters.clear()
    yield
    log.filters[:] = filters


@pytest.mark.usefixtures("unfiltered")
def test_g4_without_the_filter_on_a_librarys_logger_its_traceback_shows_the_number(tmp_path):
    assert "lost task: in log line of " in leaks(tmp_path)


def test_g4_without_masking_a_dead_letter_and_the_file_hold_the_number(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "redact_text", lambda words, **_: words)
    found = leaks(tmp_path)
    for place in (*SUBSCRIBERS, "security code"):
        assert {where.partition(" of ")[0] for where in found if where.startswith(f"{place}: ")} >= {
            f"{place}: in payments.db",
            f"{place}: in repr",
        }


@pytest.mark.parametrize("is_off", [False, True])
def test_g4_without_the_tripwire_the_file_holds_the_number(is_off, tmp_path, monkeypatch):
    async def main():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.pay(**order(metadata={"note": PAN}))

    if is_off:
        monkeypatch.setattr(card_data, "_card_numbers", lambda text: iter(()))
    with overheard(tmp_path) as traces, contextlib.nullcontext() if is_off else pytest.raises(CardDataError):
        asyncio.run(main())
    assert ("metadata: in payments.db" in traces.leaks_of({"metadata": PAN})) is is_off


def test_g4_without_redaction_a_line_shows_what_it_was_given(monkeypatch, tmp_path):
    for is_redacted in (True, False):
        if not is_redacted:
            monkeypatch.setattr(lines, "redact_event", lambda _logger, _method, line: line)
            monkeypatch.setattr(logging.getLogger("aegispay"), "filters", [])
        with overheard(tmp_path) as traces:
            lines.LineLogger("aegispay").error("failed", said={"deep": [PAN]})
        assert (traces.leaks_of({"line": PAN}) == []) is is_redacted


def test_g4_what_is_printed_or_warned_of_is_overheard(tmp_path):
    with overheard(tmp_path) as traces, warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.stderr.write(PAN)
        logging.getLogger("py.warnings").filters, before = [], logging.getLogger("py.warnings").filters
        try:
            warnings.warn(f"card {PAN}", stacklevel=1)
        finally:
            logging.getLogger("py.warnings").filters = before
    assert traces.leaks_of({"said": PAN}) == ["said: in log line of ", "said: in standard error"]


# --- libraries ----------------------------------------------------------------------------------------


def test_g4_a_librarys_debug_lines_show_no_parameter_of_the_engine(tmp_path):
    async def main():
        async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.pay(**order("key-private", customer={"id": "cust-private", "email": "pat@example.com"}))
            await aegis.list_payments(customer_id="cust-private")
            await aegis.get_payment_by_idempotency_key("key-private")
            await aegis.disable_gateway("alpha", reason="reason-private")

    with watched(tmp_path) as traces:
        asyncio.run(main(), debug=True)
    said = [text for _, text in traces.texts]
    assert sum("executing" in text for text in said) > 10
    assert [text for text in said for word in ("private", "pat@example.com", "SELECT") if word in text] == []
