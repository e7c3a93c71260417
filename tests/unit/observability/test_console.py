"""Logging for a program that has none: one handler, JSON or columns, and nobody's set-up is replaced."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
import structlog

from aegispay import EngineStateError
from aegispay.log import logger
from aegispay.observability.console import configure_logging

PAN = "4242424242424242"


@pytest.fixture
def bare(monkeypatch):
    """A process without any logging set up; returns where the lines go."""
    root, own = logging.getLogger(), logging.getLogger("aegispay")
    level = own.level
    monkeypatch.setattr(root, "handlers", [])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield io.StringIO()
        logging.captureWarnings(capture=False)
    own.setLevel(level)


def test_json_is_one_object_for_each_line(bare):
    configure_logging(json=True, stream=bare)
    logger().bind(payment_id="pay_1", attempt=2).warning("adapter_raised", error="OSError", at=[1, "é\n"])
    logger().debug("too_quiet")
    (line,) = bare.getvalue().splitlines()
    said = json.loads(line)
    assert said.pop("timestamp").endswith("+00:00")
    assert said == {
        "event": "adapter_raised",
        "payment_id": "pay_1",
        "attempt": 2,
        "error": "OSError",
        "at": [1, "é\n"],
        "level": "warning",
        "logger": "aegispay",
    }


def test_columns_are_for_people_and_have_no_colours_where_there_is_no_terminal(bare):
    configure_logging(stream=bare)
    logger().info("gateway_up_again", gateway="alpha")
    assert "gateway_up_again" in bare.getvalue()
    assert "gateway=alpha" in bare.getvalue()
    assert "\x1b" not in bare.getvalue()


def test_other_libraries_and_warnings_stand_in_the_same_form_and_are_redacted(bare):
    configure_logging(json=True, stream=bare)
    logging.getLogger("somebody").warning("card %s", PAN)
    try:
        raise RuntimeError(PAN)
    except RuntimeError:
        logging.getLogger("somebody").exception("failed")
    warnings.warn(f"card {PAN}", stacklevel=1)
    lines = [json.loads(line) for line in bare.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["somebody", "somebody", "py.warnings"]
    assert lines[0]["event"] == "card [removed]"
    assert lines[1]["exception"].endswith("RuntimeError: [removed]")
    assert PAN not in bare.getvalue()


def test_calling_it_again_replaces_its_own_handler_and_no_other(bare):
    before = list(logging.getLogger().handlers)
    configure_logging(json=True, stream=io.StringIO())
    configure_logging(json=True, level="debug", stream=bare)
    logger().debug("quiet")
    assert len(bare.getvalue().splitlines()) == 1
    assert logging.getLogger().handlers[:-1] == before


def test_the_root_loggers_level_is_left_alone(bare):
    before = logging.getLogger().level
    configure_logging(level="DEBUG", stream=bare)
    assert logging.getLogger().level == before


def test_a_structlog_that_the_program_configured_is_never_replaced(bare):
    before = list(logging.getLogger().handlers)
    structlog.configure(processors=[])
    try:
        with pytest.raises(EngineStateError, match="has configured structlog"):
            configure_logging(stream=bare)
    finally:
        structlog.reset_defaults()
    assert logging.getLogger().handlers == before


def test_structlog_is_not_configured_by_it(bare):
    configure_logging(json=True, stream=bare)
    assert not structlog.is_configured()


@pytest.mark.parametrize("level", ["loud", "", PAN, "10"])
def test_a_level_that_there_is_not_is_refused_by_name(level, bare):
    with pytest.raises(ValueError, match="use one of DEBUG, INFO, WARNING, ERROR, CRITICAL") as caught:
        configure_logging(level=level, stream=bare)
    assert PAN not in str(caught.value)
