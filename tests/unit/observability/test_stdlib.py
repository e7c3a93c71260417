"""The standard library's logging: records of ours, of libraries and of Python's warnings are redacted."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import warnings

import pytest

from aegispay.observability.stdlib import (
    DRIVEN_LOGGERS,
    OWN_LOGGERS,
    RedactingFilter,
    redact_own_loggers,
    redact_standard_logging,
)

PAN = "4242424242424242"


class Host:
    """A host's handler that writes everything, and its logger."""

    def __init__(self, *, is_redacting: bool) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        if is_redacting:
            self.handler.addFilter(RedactingFilter())
        self.log = logging.Logger("host", 1)
        self.log.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()


def say_it_all(log: logging.Logger) -> None:
    """Log the number in every way that a record can hold it."""
    log.info("card %s", PAN)
    log.info("card %d", int(PAN))
    log.info("card %(number)s", {"number": PAN})
    message = f"card {PAN}"
    log.info(message)
    log.info("stack", stack_info=True)
    log.info("%s", {"cvv": "cvv-9731"})
    try:
        raise ValueError(f"card {PAN}")
    except ValueError:
        log.exception("failed")


def test_whatever_a_handler_writes_is_redacted():
    host = Host(is_redacting=True)
    say_it_all(host.log)
    assert PAN not in host.text
    assert "9731" not in host.text
    assert host.text.count("[removed]") >= 6
    assert "ValueError: card [removed]" in host.text


def test_without_the_filter_the_number_would_be_seen():
    host = Host(is_redacting=False)
    say_it_all(host.log)
    assert host.text.count(PAN) == 5
    assert "9731" in host.text


def test_a_clean_record_passes_as_it_is():
    record = logging.LogRecord("host", logging.INFO, "f.py", 1, "waited %s s for %s", (1.5, "alpha"), None)
    before = dict(record.__dict__)
    assert RedactingFilter().filter(record)
    assert record.__dict__ == before


def test_a_clean_traceback_stays_an_exception_that_a_handler_may_look_at():
    try:
        raise ValueError("no such file")
    except ValueError:
        record = logging.LogRecord("host", logging.INFO, "f.py", 1, "failed", (), sys.exc_info())
    RedactingFilter().filter(record)
    assert record.exc_info is not None


def test_an_exception_with_a_card_number_is_no_longer_there_for_handlers_that_look_at_variables():
    try:
        raise ValueError(PAN)
    except ValueError:
        record = logging.LogRecord("host", logging.INFO, "f.py", 1, "failed", (), sys.exc_info())
    RedactingFilter().filter(record)
    assert record.exc_info is None
    assert record.exc_text.endswith("ValueError: [removed]")


def test_arguments_that_the_message_leaves_out_and_extra_fields_are_redacted_too():
    made = {"note": [PAN], "email": "pat@example.com", "number": int(PAN)}
    record = logging.makeLogRecord({"msg": "%(shown)s", **made})
    record.args = {"shown": "a", "hidden": PAN}
    RedactingFilter().filter(record)
    assert record.getMessage() == "a"
    assert PAN not in repr(record.__dict__)
    assert record.email == "[removed]"


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError(PAN)

    __repr__ = __str__


def test_a_record_that_cannot_be_looked_at_is_not_shown_and_hurts_nobody():
    host = Host(is_redacting=True)
    host.log.info("card %s", Unshowable())
    host.log.info("card %d", "no number")
    assert host.text == "INFO host [removed]\n" * 2


@pytest.mark.parametrize("name", [*OWN_LOGGERS, *DRIVEN_LOGGERS])
def test_records_of_the_engine_and_of_what_it_drives_are_redacted_whatever_handlers_the_host_has(name, caplog):
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(1)
    try:
        log.debug("said %s", PAN)
    finally:
        log.setLevel(level)
    assert [record.getMessage() for record in caplog.records if record.name == name] == ["said [removed]"]


def test_installing_twice_changes_nothing():
    log = logging.getLogger("aegispay")
    before = list(log.filters)
    redact_own_loggers()
    assert log.filters == before
    assert sum(isinstance(each, RedactingFilter) for each in log.filters) == 1


def test_a_task_whose_exception_nobody_took_shows_no_card_number(caplog):
    async def lost():
        raise RuntimeError(f"card {PAN}")

    async def main():
        task = asyncio.create_task(lost())
        await asyncio.wait({task})
        del task
        import gc

        gc.collect()

    asyncio.run(main())
    (record,) = [record for record in caplog.records if record.name == "asyncio"]
    assert "Task exception was never retrieved" in record.getMessage()
    assert PAN not in caplog.text
    assert "RuntimeError: card [removed]" in caplog.text


def test_warnings_of_python_go_through_the_handlers_given_and_are_redacted():
    host = Host(is_redacting=False)
    root = logging.getLogger()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        root.addHandler(host.handler)
        try:
            redact_standard_logging(host.handler)
            warnings.warn(f"card {PAN}", stacklevel=1)
            logging.getLogger("somebody.else").error("card %s", PAN)
        finally:
            logging.captureWarnings(capture=False)
            root.removeHandler(host.handler)
    assert "py.warnings" in host.text
    assert "ERROR somebody.else card [removed]" in host.text
    assert PAN not in host.text


def test_without_handlers_named_those_of_the_root_logger_are_covered(monkeypatch):
    host, last_resort = Host(is_redacting=False), logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging, "lastResort", last_resort)
    monkeypatch.setattr(logging.getLogger(), "handlers", [host.handler])
    try:
        redact_standard_logging()
        redact_standard_logging()
    finally:
        logging.captureWarnings(capture=False)
    assert [type(each) for each in host.handler.filters] == [RedactingFilter]
    assert [type(each) for each in last_resort.filters] == [RedactingFilter]
