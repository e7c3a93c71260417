"""One trace for each payment: over callers, actors, gateways, commits, restarts and deliveries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import StatusCode

from aegispay import AegisPay, AegisPayConfig, IdempotencyConflictError, NotProcessed, Reason
from aegispay.actors.payment_messages import SubmitPayment
from aegispay.domain.ids import derive_payment_id
from aegispay.hooks import Allow
from aegispay.observability.telemetry import Telemetry
from aegispay.observability.tracing import trace_id_of
from aegispay.ports.tracing import outgoing_headers
from tests.builders import after, create, request
from tests.integration.engine.rig import Adapter, World, approval, order, virtual
from tests.integration.engine.traced import Recording, behind, hex_id, id_of, parent_of


def engine(world, recording, *more, **config):
    return AegisPay(
        world.store,
        gateways=[*world.gateways, *more],
        clock=world.clock,
        config=AegisPayConfig(**config),
        telemetry=recording.export,
    )


@virtual
async def test_a_payment_is_one_trace_of_the_call_its_commits_and_its_gateway_call():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order())
    root = recording.one("pay")
    assert root.parent is None
    assert {hex_id(span) for span in recording.spans} == {trace_id_of(payment)}
    assert [span.name for span in recording.spans] == ["pay", "gateway charge"]
    assert parent_of(recording.one("gateway charge")) == id_of(root)
    assert [note.name for note in root.events] == ["commit (processing)", "commit (success)"]


@virtual
async def test_a_gateway_call_says_which_operation_of_which_payment_and_what_came_of_it():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order())
    span = recording.one("gateway charge")
    assert dict(span.attributes) == {
        "aegispay.gateway": "alpha",
        "aegispay.operation": "charge",
        "aegispay.outcome": "approved",
        "aegispay.payment.id": payment.id,
        "aegispay.operation.id": payment.attempts[0].operation_id,
    }
    assert span.kind is trace.SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET


@virtual
async def test_the_call_is_a_child_of_its_callers_span():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        with recording.caller():
            payment = await aegis.pay(**order())
    caller, call = recording.one("checkout"), recording.one("pay")
    assert parent_of(call) == id_of(caller)
    assert trace_id_of(payment) == hex_id(caller)


@virtual
async def test_a_failover_is_two_calls_in_one_trace_and_the_failed_one_is_an_error():
    world, recording = World("beta"), Recording()
    refusing = Adapter(NotProcessed(reason=Reason.NOT_SENT), name="alpha", ledger=world.ledger, clock=world.clock)
    behind(world, refusing, *world.gateways)
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order(gateway=None))
    assert payment.gateway == "beta"
    first, second = recording.named("gateway charge")
    assert [first.attributes["aegispay.gateway"], second.attributes["aegispay.gateway"]] == ["alpha", "beta"]
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes["error.type"] == "not_sent"
    assert second.status.status_code is StatusCode.UNSET
    assert hex_id(first) == hex_id(second) == trace_id_of(payment)


@virtual
async def test_what_comes_after_a_restart_continues_the_trace():
    world, before, after = World(), Recording(), Recording()
    async with engine(world, before) as aegis:
        created = await aegis.create_payment(**order())
    async with engine(world, after) as aegis:
        await aegis.process_payment(created.id)
    root = before.one("create_payment")
    process, charge = after.one("process_payment"), after.one("gateway charge")
    assert {hex_id(span) for span in after.spans} == {hex_id(root)}
    assert parent_of(process) == parent_of(charge) == id_of(root)


@virtual
async def test_a_payment_that_recovers_by_itself_continues_its_trace():
    world, before, after = World(), Recording(), Recording()
    stuck = asyncio.Event()

    async def hang(request):
        stuck.set()
        await asyncio.Event().wait()

    async def found(request):
        return approval(request)

    hanging = Adapter(hang, lookup=found, name="odd", clock=world.clock)
    behind(world, hanging)
    aegis = engine(world, before, shutdown_s=0.1)
    await aegis.open()
    paying = asyncio.ensure_future(aegis.pay(**order()))
    await stuck.wait()
    await aegis.close()
    await asyncio.gather(paying, return_exceptions=True)
    async with engine(world, after) as aegis:
        (payment,) = (await aegis.list_payments()).payments
        await aegis.process_payment(payment.id)
    assert before.one("gateway charge").attributes["error.type"] == "given_up"
    look_up = after.named("gateway fetch_payment")[0]
    commit = after.named("commit")[0]
    assert hex_id(look_up) == hex_id(commit) == hex_id(before.one("pay"))
    assert parent_of(look_up) == parent_of(commit) == id_of(before.one("pay"))


@virtual
async def test_a_hundred_payments_at_once_are_a_hundred_complete_traces():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        payments = await asyncio.gather(*(aegis.pay(**order(f"order-{number}")) for number in range(100)))
    assert len({trace_id_of(payment) for payment in payments}) == 100
    for payment in payments:
        spans = [span for span in recording.spans if hex_id(span) == trace_id_of(payment)]
        assert [span.name for span in spans] == ["pay", "gateway charge"]
        assert [note.name for note in spans[0].events] == ["commit (processing)", "commit (success)"]
        assert {span.attributes["aegispay.payment.id"] for span in spans} == {payment.id}


@virtual
async def test_later_work_in_another_trace_is_linked_to_its_caller():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order())
        with recording.caller("back office"):
            await aegis.refund_payment(payment.id, idempotency_key="refund-1")
    caller, refund = recording.one("back office"), recording.one("refund_payment")
    assert hex_id(refund) == trace_id_of(payment)
    assert [link.context.span_id for link in refund.links] == [caller.context.span_id]
    assert hex_id(recording.one("gateway refund")) == trace_id_of(payment)


@virtual
async def test_work_in_the_same_trace_belongs_to_its_caller():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        with recording.caller():
            payment = await aegis.create_payment(**order())
            await aegis.process_payment(payment.id)
    assert parent_of(recording.one("process_payment")) == id_of(recording.one("checkout"))


@virtual
async def test_a_repetition_stays_in_its_callers_trace_and_says_that_it_is_one():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        first = await aegis.pay(**order())
        again = await aegis.pay(**order())
    assert again.trace == first.trace
    created, repeated = recording.named("pay")
    assert hex_id(created) != hex_id(repeated)
    assert "aegispay.is_repetition" not in created.attributes
    assert repeated.attributes["aegispay.is_repetition"] is True


@virtual
async def test_a_refused_call_names_the_kind_of_error_and_not_its_text():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        await aegis.pay(**order())
        with pytest.raises(IdempotencyConflictError):
            await aegis.pay(**order(amount="99.00"))
    span = recording.named("pay")[1]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == span.attributes["error.type"] == "IdempotencyConflictError"
    assert "99.00" not in str(dict(span.attributes))
    assert span.events == ()


@virtual
async def test_an_adapter_runs_within_its_calls_span_and_its_requests_carry_it():
    world, recording = World(), Recording()
    seen = []

    async def charge(request):
        seen.append((outgoing_headers(), trace.get_current_span().get_span_context().span_id))
        return approval(request)

    behind(world, Adapter(charge, name="odd", clock=world.clock))
    async with engine(world, recording) as aegis:
        await aegis.pay(**order())
    span = recording.one("gateway charge")
    ((headers, current),) = seen
    assert headers["traceparent"][:52] == f"00-{hex_id(span)}-{id_of(span)}"
    assert current == span.context.span_id


@virtual
async def test_nothing_of_one_callers_trace_leaks_into_another_payment():
    world, recording = World(), Recording()
    async with engine(world, recording) as aegis:
        with recording.caller():
            traced = await aegis.pay(**order("order-1"))
        other = await aegis.pay(**order("order-2"))
    assert trace_id_of(traced) == hex_id(recording.one("checkout"))
    assert trace_id_of(other) != trace_id_of(traced)


@virtual
async def test_an_unsampled_payment_keeps_its_trace_id_and_makes_no_spans():
    world, recording = World(), Recording(sampler=ParentBased(ALWAYS_OFF))
    async with engine(world, recording) as aegis:
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="refund-1")
    assert recording.spans == []
    assert payment.trace is not None
    assert payment.trace.endswith("-00") or payment.trace.endswith("-02")


class Counting(Sampler):
    """Samples nothing, and knows how often it was asked."""

    asked = 0

    def should_sample(self, *arguments, **keywords):
        self.asked += 1
        return ALWAYS_OFF.should_sample(*arguments, **keywords)

    def get_description(self):
        return "counting"


@virtual
async def test_whether_a_payment_is_sampled_is_asked_once_and_not_again_for_anything_it_does():
    world, sampler, delivered = World(), Counting(), asyncio.Event()

    async def handler(event):
        delivered.set()

    async with engine(world, Recording(sampler=sampler)) as aegis:
        await aegis.subscribe("payment.refund_succeeded", handler, name="mailer")
        payment = await aegis.pay(**order())
        await aegis.refund_payment(payment.id, idempotency_key="refund-1")
        await delivered.wait()
    assert sampler.asked == 1


def test_a_commit_that_failed_is_noted_with_its_kind_of_error():
    recording = Recording()
    telemetry = Telemetry(recording.export)
    span = telemetry.begin("pay", {})
    payment = after(replace(create(), trace=span.traceparent))
    telemetry.command_began(payment.id, span)
    telemetry.commit_started(payment).end(error="FencedError")
    telemetry.commit_started(payment).end()
    span.end()
    notes = [(note.name, dict(note.attributes)) for note in recording.one("pay").events]
    assert notes == [("commit failed", {"error.type": "FencedError"}), ("commit (initiated)", {})]


@virtual
async def test_without_an_sdk_no_trace_is_kept():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
    assert payment.trace is None


@virtual
async def test_what_is_said_to_be_a_trace_and_is_none_is_not_kept():
    world = World()
    async with world.engine() as aegis:
        asked = request()
        payment_id = derive_payment_id(world.store.salt, asked.merchant, asked.idempotency_key)
        message = SubmitPayment(request=asked, fingerprint=asked.fingerprint(), trace="4111 1111 1111 1111")
        payment = await aegis.payment_ref(payment_id).ask(message, block=False)
    assert payment.trace is None


@virtual
async def test_156_one_trace_covers_the_call_a_fraud_check_the_gateway_and_a_delivery():
    world, recording, delivered = World(), Recording(), asyncio.Event()
    headers = []
    tracer = recording.tracers.get_tracer("host")
    aegis = engine(world, recording)

    @aegis.hooks.fraud_check(on_failure="closed")
    async def check(context):
        with tracer.start_as_current_span("fraud model"):
            return Allow()

    async def handler(event):
        headers.append(outgoing_headers())
        delivered.set()

    async with aegis:
        await aegis.subscribe("payment.succeeded", handler, name="mailer")
        with recording.caller():
            payment = await aegis.pay(**order())
        await delivered.wait()
    delivery = recording.one("deliver")
    assert hex_id(delivery) == hex_id(recording.one("checkout")) == trace_id_of(payment)
    assert parent_of(delivery) == id_of(recording.one("pay"))
    assert delivery.attributes["aegispay.subscriber"] == "mailer"
    assert delivery.attributes["aegispay.event.type"] == "payment.succeeded"
    assert headers[0]["traceparent"][:52] == f"00-{hex_id(delivery)}-{id_of(delivery)}"
    asked = recording.one("hook fraud_check")
    assert asked.attributes["aegispay.hook"] == "check"
    assert parent_of(asked) == id_of(recording.one("pay"))
    assert parent_of(recording.one("fraud model")) == id_of(asked)


@virtual
async def test_a_delivery_after_a_restart_finds_its_trace_in_the_log():
    world, before, after, delivered = World(), Recording(), Recording(), asyncio.Event()

    async def handler(event):
        delivered.set()

    async with engine(world, before) as aegis:
        await aegis.pay(**order())
    async with engine(world, after) as aegis:
        await aegis.subscribe("payment.succeeded", handler, name="late", from_="start")
        await delivered.wait()
    assert hex_id(after.one("deliver")) == hex_id(before.one("pay"))


@virtual
async def test_a_delivery_that_fails_is_an_error_of_its_span():
    world, recording, again = World(), Recording(), asyncio.Event()
    tries = []

    async def handler(event):
        tries.append(event)
        if len(tries) == 1:
            raise ConnectionError("secret words")
        again.set()

    async with engine(world, recording) as aegis:
        await aegis.subscribe("payment.succeeded", handler, name="mailer")
        await aegis.pay(**order())
        await again.wait()
    first, second = recording.named("deliver")
    assert (first.status.status_code, first.attributes["error.type"]) == (StatusCode.ERROR, "ConnectionError")
    assert (second.status.status_code, second.attributes["aegispay.tries"]) == (StatusCode.UNSET, 1)
    assert not [span for span in recording.spans if "secret" in span.to_json()]
