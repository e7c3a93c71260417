"""One face for log lines: whatever the host's logging is, it gets them redacted, and can hurt nobody."""

from __future__ import annotations

import asyncio
import logging
import warnings

import pytest
import structlog

from aegispay.log import logger, sampled
from aegispay.observability.lines import LineLogger

PAN = "4242424242424242"


@pytest.fixture
def structlog_of_host():
    yield structlog.configure
    structlog.reset_defaults()


def kept(lines):
    def keep(_logger, method, event):
        lines.append({"level": method, **event})
        raise structlog.DropEvent

    return keep


def test_a_host_may_set_up_structlog_after_the_logger_was_made(structlog_of_host, caplog):
    caplog.set_level(logging.INFO)
    log, lines = logger().bind(gateway="alpha"), []
    log.info("before")
    structlog_of_host(processors=[kept(lines)])
    log.info("after")
    structlog.reset_defaults()
    log.info("without")
    assert lines == [{"level": "info", "event": "after", "gateway": "alpha"}]
    assert [record.getMessage() for record in caplog.records] == [
        "event='before' gateway='alpha'",
        "event='without' gateway='alpha'",
    ]


def test_the_hosts_processors_get_a_line_that_is_redacted_already(structlog_of_host):
    lines = []
    structlog_of_host(processors=[kept(lines)])
    error = ValueError(PAN)
    logger().bind(token="tok_1").error("failed", said=f"card {PAN}", exc_info=error)
    (line,) = lines
    assert line == {
        "level": "error",
        "event": "failed",
        "said": "card [removed]",
        "token": "[removed]",
        "exception": "ValueError: [removed]",
    }


def test_the_hosts_wrapper_decides_the_level(structlog_of_host):
    lines = []
    structlog_of_host(processors=[kept(lines)], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logger().warning("quiet")
    logger().error("loud")
    assert [line["event"] for line in lines] == ["loud"]


def test_the_hosts_configuration_is_the_same_afterwards(structlog_of_host):
    structlog_of_host(processors=[kept([])], cache_logger_on_first_use=True)
    before = structlog.get_config()
    logger().bind(a=1).warning("once")
    assert structlog.get_config() == before


def test_structlogs_own_catcher_of_the_hosts_tests_sees_the_lines(structlog_of_host):
    structlog_of_host(processors=[])
    with structlog.testing.capture_logs() as lines:
        logger().warning("gateway_not_up", gateway="alpha")
    assert lines == [{"event": "gateway_not_up", "gateway": "alpha", "log_level": "warning"}]


def test_a_host_whose_structlog_is_asynchronous_gets_the_lines_too(structlog_of_host):
    lines = []
    with warnings.catch_warnings(action="ignore"):
        structlog_of_host(
            processors=[kept(lines)],
            wrapper_class=structlog.stdlib.AsyncBoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )

        async def main():
            logger().warning("gateway_not_up")

        asyncio.run(main())
    assert [line["event"] for line in lines] == ["gateway_not_up"]


def test_a_processor_of_the_hosts_that_fails_reaches_nobody(structlog_of_host, caplog):
    def broken(*_):
        raise RuntimeError(PAN)

    structlog_of_host(processors=[broken])
    logger().warning("gateway_not_up")
    assert [record.getMessage() for record in caplog.records] == ["the log line gateway_not_up was lost: RuntimeError"]


def test_a_filter_of_the_hosts_that_fails_reaches_nobody():
    def broken(record):
        raise RuntimeError("no")

    log = logging.getLogger("aegispay.test_lines")
    log.addFilter(broken)
    try:
        logger("aegispay.test_lines").error("gateway_not_up")
    finally:
        log.removeFilter(broken)


def test_what_is_bound_belongs_to_that_logger_alone(caplog):
    caplog.set_level(logging.INFO)
    log = logger()
    bound = log.bind(payment_id="pay_1")
    bound.bind(attempt=1).info("first")
    bound.info("second")
    log.info("third")
    assert [record.getMessage() for record in caplog.records] == [
        "event='first' payment_id='pay_1' attempt=1",
        "event='second' payment_id='pay_1'",
        "event='third'",
    ]


def test_a_context_variable_of_the_hosts_reaches_its_own_processors_only(structlog_of_host, caplog):
    caplog.set_level(logging.INFO)
    lines = []
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logger().info("plain")
        structlog_of_host(processors=[structlog.contextvars.merge_contextvars, kept(lines)])
        logger().info("merged")
    assert caplog.records[0].getMessage() == "event='plain'"
    assert lines == [{"level": "info", "event": "merged", "request_id": "r-1"}]


def test_a_record_carries_the_fields_for_handlers_that_write_json_and_the_line_of_code_it_comes_from(caplog):
    caplog.set_level(logging.INFO)
    logger().bind(payment_id="pay_1").info("parked", email="pat@example.com", left=2)
    (record,) = caplog.records
    assert record.aegispay == {"event": "parked", "payment_id": "pay_1", "email": "[removed]", "left": 2}
    assert record.filename == "test_lines.py"


def test_a_sampled_line_too_comes_from_the_line_of_code_that_wrote_it(caplog):
    sampled(lambda: 0.0).warning("wake_postponed")
    assert caplog.records[0].filename == "test_lines.py"


def test_a_line_of_several_lines_is_one_line(caplog):
    logger().error("failed", said="a\nevent='forged' payment_id='pay_2'")
    assert "\n" not in caplog.records[0].getMessage()


def test_a_percent_sign_is_a_percent_sign(caplog):
    logger().error("failed", said="100 %s", part="%(x)d")
    assert caplog.records[0].getMessage() == "event='failed' said='100 %s' part='%(x)d'"


def test_a_line_that_nobody_reads_is_not_even_made(caplog, monkeypatch):
    caplog.set_level(logging.ERROR, logger="aegispay")
    monkeypatch.setattr("aegispay.observability.lines.redact_event", None)
    LineLogger("aegispay").warning("quiet")
    assert caplog.records == []
