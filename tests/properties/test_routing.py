"""Routing over any strategy, any gateways and any payment: the filter holds, and a record decides again as it did."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from math import isfinite

from hypothesis import given
from pydantic import TypeAdapter

from aegispay.domain.event_codec import decode, encode
from aegispay.domain.payment_events import AttemptStarted
from aegispay.domain.routing import AnyStrategy, RoutingDecision, Strategy, replay, route, why_not_eligible
from tests.properties.routing_strategies import AT, DRAWS, GATEWAYS, REQUESTS, STRATEGIES, TURNS

SETTINGS: TypeAdapter[Strategy] = TypeAdapter(AnyStrategy)


def stored(decision: RoutingDecision) -> RoutingDecision:
    """The decision as it is read back from the attempt with which it was stored."""
    event = AttemptStarted(
        at=AT,
        number=1,
        gateway="alpha",
        operation_id="pay_1-a1",
        idempotency_key="pay_1-a1-alpha",
        request_digest="digest",
        deadline_at=AT + timedelta(seconds=30),
        decision=decision,
    )
    read = decode(event.type, event.schema_version, encode(event))
    assert isinstance(read, AttemptStarted)
    return read.decision


@given(STRATEGIES, GATEWAYS, REQUESTS, TURNS, DRAWS)
def test_exactly_the_eligible_gateways_are_ordered_each_once(strategy, snapshots, request, turn, draw):
    decision = route(snapshots, request, strategy=strategy, turn=turn, draw=draw)
    eligible = [each.name for each in snapshots if why_not_eligible(each, request) is None]
    assert sorted(decision.order) == sorted(eligible)


@given(STRATEGIES, GATEWAYS, REQUESTS, TURNS, DRAWS)
def test_a_stored_record_with_the_same_strategy_gives_the_same_decision(strategy, snapshots, request, turn, draw):
    decision = route(snapshots, request, strategy=strategy, turn=turn, draw=draw)
    record = stored(decision)
    assert record == decision
    wish_less = replace(request, preferred=(), preferred_by="")
    read = SETTINGS.validate_json(SETTINGS.dump_json(strategy))
    assert read == strategy
    assert replay(record, wish_less, strategy=read) == decision


@given(STRATEGIES, GATEWAYS, REQUESTS, TURNS, DRAWS)
def test_every_number_on_record_is_one_that_json_has(strategy, snapshots, request, turn, draw):
    decision = route(snapshots, request, strategy=strategy, turn=turn, draw=draw)
    for candidate in decision.candidates:
        numbers = [candidate.score or 0.0, *candidate.facts.values(), *candidate.parts.values()]
        assert all(map(isfinite, numbers))
    TypeAdapter(RoutingDecision).validate_python(json.loads(TypeAdapter(RoutingDecision).dump_json(decision)))


@given(STRATEGIES, GATEWAYS, REQUESTS, DRAWS)
def test_a_closed_gateway_comes_before_a_half_open_one_unless_that_is_a_probe_or_a_hooks_wish(
    strategy, snapshots, request, draw
):
    decision = route(snapshots, replace(request, preferred=()), strategy=strategy, draw=draw)
    half_open = {each.gateway for each in decision.candidates if "half_open" in each.facts}
    places = [name in half_open for name in decision.order if name != decision.probe]
    assert places == sorted(places)


@given(STRATEGIES, GATEWAYS, REQUESTS, TURNS, DRAWS)
def test_every_decision_can_be_told_in_words(strategy, snapshots, request, turn, draw):
    decision = route(snapshots, request, strategy=strategy, turn=turn, draw=draw)
    sentences = decision.sentences()
    assert len(sentences) == 1 + len(snapshots)
    assert sentences[0].startswith(decision.order[0] if decision.order else "no eligible gateway")
    assert all(each.gateway in decision.explain() for each in decision.candidates)
