"""The table of instruments, and what follows from it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aegispay.observability.families import distributions, samples
from aegispay.observability.prometheus import PrometheusCollector, render
from aegispay.observability.semantics import (
    BREAKER_STATE,
    CALL_DURATION,
    DOUBTS,
    GATEWAY_HEALTH,
    INSTRUMENTS,
    PAYMENTS,
    Instrument,
    Kind,
)
from aegispay.observability.series import Distribution
from aegispay.observability.snapshot import NOTHING, CallMetrics, DoubtMetrics, EngineMetrics, SubscriberMetrics

NAME = re.compile(r"aegispay(\.[a-z]+(_[a-z]+)*)+")
UNITS = re.compile(r"s|1|\{[a-z]+\}")
IDS = {"payment", "payment_id", "operation_id", "id", "customer", "merchant", "key"}


def by_name(instrument):
    return instrument.name


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=by_name)
def test_an_instrument_is_named_as_opentelemetry_names_them(instrument: Instrument):
    assert NAME.fullmatch(instrument.name)
    assert UNITS.fullmatch(instrument.unit)
    assert instrument.description.endswith(".")
    assert bool(instrument.bounds) == (instrument.kind is Kind.HISTOGRAM)
    assert list(instrument.bounds) == sorted(set(instrument.bounds))


def test_every_name_is_there_once_here_and_in_prometheus():
    assert len({each.name for each in INSTRUMENTS}) == len(INSTRUMENTS)
    assert len({each.prometheus for each in INSTRUMENTS}) == len(INSTRUMENTS)


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=by_name)
def test_no_series_is_told_apart_by_an_id(instrument):
    assert set(instrument.attributes) & IDS == set()


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=by_name)
def test_every_instrument_can_be_read_of_an_engine_that_did_nothing(instrument):
    read = distributions if instrument.kind is Kind.HISTOGRAM else samples
    assert all(len(attributes) == len(instrument.attributes) for attributes in read(NOTHING, instrument))


def test_prometheus_names_carry_the_unit_and_the_kind():
    assert PAYMENTS.prometheus == "aegispay_payments_total"
    assert CALL_DURATION.prometheus == "aegispay_gateway_call_duration_seconds"
    assert GATEWAY_HEALTH.prometheus == "aegispay_gateway_health_ratio"


def test_two_engines_add_up_their_counts_and_show_the_worst_of_their_states():
    assert DOUBTS.together(2, 3) == 5
    assert BREAKER_STATE.together(2, 0) == 2


def some_metrics() -> EngineMetrics:
    latency = Distribution(CALL_DURATION.bounds, (0, 3, *[0] * 13, 1), 61.5, 61.0)
    return EngineMetrics(
        doubts=DoubtMetrics(payments=2, oldest_age_s=1.5, resolved=0),
        incidents=1,
        payments={"success": 3, "failure": 1},
        calls=(CallMetrics(gateway='od"d\\', operation="charge", outcome="approved", latency=latency),),
        subscribers=(SubscriberMetrics(name="mailer", lag=7, lag_s=0.5, waiting=2, dead=1, delivered=9, failed=4),),
    )


def parsed(text: bytes):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_prometheus_reads_what_was_counted():
    found = parsed(render(some_metrics()))
    assert found["aegispay_payments_total", (("state", "success"),)] == 3
    assert found["aegispay_doubts", ()] == 2
    assert found["aegispay_doubt_age_seconds", ()] == 1.5
    assert found["aegispay_subscriber_lag", (("subscriber", "mailer"),)] == 7
    assert found["aegispay_subscriber_deliveries_total", (("result", "failed"), ("subscriber", "mailer"))] == 4


def test_buckets_are_cumulative_and_end_with_the_number_of_all_values():
    found = parsed(render(some_metrics()))
    labels = (("gateway", 'od"d\\'), ("operation", "charge"), ("outcome", "approved"))
    name = CALL_DURATION.prometheus
    assert found[f"{name}_bucket", (*labels[:1], ("le", "0.001"), *labels[1:])] == 0
    assert found[f"{name}_bucket", (*labels[:1], ("le", "0.002"), *labels[1:])] == 3
    assert found[f"{name}_bucket", (*labels[:1], ("le", "60.0"), *labels[1:])] == 3
    assert found[f"{name}_bucket", (*labels[:1], ("le", "+Inf"), *labels[1:])] == 4
    assert found[f"{name}_count", labels] == 4
    assert found[f"{name}_sum", labels] == 61.5


def test_every_instrument_is_exposed():
    families = {family.name for family in text_string_to_metric_families(render(some_metrics()).decode())}
    assert families == {each.prometheus.removesuffix("_total") for each in INSTRUMENTS}


def test_a_collector_shows_the_engine_as_it_is_at_each_scrape():
    class Engine:
        reads = 0

        def latest_metrics(self):
            self.reads += 1
            return NOTHING

    engine = Engine()
    collector = PrometheusCollector(engine)
    assert engine.reads == 1
    assert next(iter(collector.collect())).name == "aegispay_payments"
    assert engine.reads == 2
