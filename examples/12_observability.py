"""Numbers and traces: the engine counts always, and speaks OpenTelemetry when your program has set its SDK up."""

import asyncio

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aegispay import AegisPay, Card, MemoryStore, Payment, SimulatedGateway
from aegispay.observability.otel import OpenTelemetry
from aegispay.observability.prometheus import render

spans = InMemorySpanExporter()  # yours would send them to a collector
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))


async def pay(aegis: AegisPay, key: str) -> Payment:
    card = Card(token="tok_visa")
    return await aegis.pay(idempotency_key=key, amount="10.00", currency="USD", payment_method=card)


async def main() -> None:
    gateways = [SimulatedGateway("alpha"), SimulatedGateway("beta")]
    async with AegisPay(MemoryStore(), gateways=gateways, telemetry=OpenTelemetry(provider)) as aegis:
        with provider.get_tracer("shop").start_as_current_span("checkout"):
            payments = [await pay(aegis, f"order-{number}") for number in range(3)]
        payment = payments[-1]
        await aegis.refund_payment(payment.id, idempotency_key="refund-1")
        metrics = await aegis.metrics()

    print("payments:", dict(metrics.payments), f"success rate {metrics.success_rate:.0%}")
    for call in metrics.calls:
        print(f"{call.gateway} {call.operation} {call.outcome}: {call.latency.count}")
    for line in render(metrics).decode().splitlines():
        if line.startswith("aegispay_payments_total"):
            print(line)

    print("the trace of", payment.idempotency_key)
    finished = spans.get_finished_spans()
    ours = [span for span in finished if (span.attributes or {}).get("aegispay.payment.id") == payment.id]
    for span in sorted(ours, key=lambda span: span.start_time or 0):
        print(" ", span.name, [note.name for note in span.events])


asyncio.run(main())
