"""Logging fits into the host: its structlog if configured, the standard library's loggers otherwise."""

from __future__ import annotations

import logging

import pytest
import structlog

from aegispay.log import log_report, logger
from aegispay.supervision.report import Action, Report
from tests.integration.engine.rig import Adapter, World, order, virtual


@pytest.fixture
def host_structlog():
    lines: list[dict] = []

    def keep(_logger, method, event):
        lines.append({"level": method, **event})
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    yield lines
    structlog.reset_defaults()


def report(action):
    return Report(at_s=1.0, supervisor="payments", child="pay_1", action=action, cause="ValueError", restarts=1)


def test_without_structlog_lines_go_to_the_standard_loggers(caplog):
    caplog.set_level(logging.INFO)
    logger().warning("gateway_not_saved", gateway="alpha")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("aegispay", "WARNING")
    assert record.getMessage() == "event='gateway_not_saved' gateway='alpha'"


def test_the_hosts_level_decides_what_is_written(caplog):
    caplog.set_level(logging.ERROR, logger="aegispay")
    logger().warning("quiet")
    logger().error("loud")
    assert [record.getMessage() for record in caplog.records] == ["event='loud'"]


def test_a_structlog_that_the_host_configured_is_used_as_it_is(host_structlog, caplog):
    logger().warning("gateway_not_saved", gateway="alpha")
    assert host_structlog == [{"level": "warning", "event": "gateway_not_saved", "gateway": "alpha"}]
    assert caplog.records == []


@pytest.mark.parametrize("action", Action)
def test_crashes_are_errors_and_the_rest_is_for_whoever_looks_closely(action, caplog):
    caplog.set_level(logging.DEBUG)
    log_report(report(action))
    (record,) = caplog.records
    is_bad = action in {Action.CRASHED, Action.EXHAUSTED, Action.GAVE_UP}
    assert record.levelname == ("ERROR" if is_bad else "DEBUG")
    assert f"event='{action.value}'" in record.getMessage()
    assert "child='pay_1'" in record.getMessage()


@virtual
async def test_an_engine_logs_through_the_hosts_structlog_and_says_no_secret(host_structlog):
    secrets = {"token": "tok_top_secret", "email": "pat@example.com", "name": "Pat Payer", "note": "be nice"}

    async def charge(request):
        raise RuntimeError(f"POST {request.payment_method.token} for {request.customer.email}")

    world = World()
    crashes = [True]

    def crash(point):
        if crashes and crashes.pop():
            raise ValueError(secrets["name"])

    world.store.faults = crash
    fields = order(
        token=secrets["token"],
        customer={"id": "c-1", "email": secrets["email"], "name": secrets["name"]},
        metadata={"note": secrets["note"]},
        gateway="odd",
    )
    async with world.engine(Adapter(charge)) as aegis:
        assert (await aegis.pay(**fields)).in_doubt
    events = [line["event"] for line in host_structlog]
    assert "adapter_raised" in events
    assert "crashed" in events
    text = repr(host_structlog)
    assert [secret for secret in secrets.values() if secret in text] == []


@virtual
async def test_a_plain_payment_logs_nothing_a_host_would_have_to_read(caplog):
    caplog.set_level(logging.INFO)
    world = World()
    async with world.engine() as aegis:
        await aegis.pay(**order())
        await aegis.pay(**order("p-2", token="tok_declined"))
    assert caplog.records == []
