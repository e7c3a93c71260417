"""The contract of every event store: erasing a customer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aegispay.delivery_errors import CustomerBusyError
from aegispay.domain import events as e
from aegispay.domain.hook_kind import HookKind, VerdictKind
from aegispay.ports import (
    Delivery,
    DeliveryState,
    Parking,
    PaymentQuery,
    Progress,
    Subscriber,
    SubscriberKind,
    WebhookAttempt,
)
from tests import builders as b
from tests.contracts.stores import APPROVE, CHARGE, DOUBT, Stream, stored, write

WHO = {"id": "cust-1", "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+14155550100"}
EVENTS = 4


def ada(number=1, **changes):
    return Stream(number, **({"customer": WHO, "metadata": {"note": "analytical"}} | changes))


async def erase(store, customer_id="cust-1", merchant="default"):
    return await store.erase_customer(customer_id, merchant=merchant, operator="olga", reason="asked for it")


async def first(store, stream):
    return (await store.load(stream.id))[0].event.request


def judged(stream, reason):
    """Return the append of a hook's verdict."""
    event = e.HookJudged(at=b.NOW, hook="list", kind=HookKind.FRAUD_CHECK, verdict=VerdictKind.ALLOW, reason=reason)
    append = stream.create()
    return replace(append, events=(*append.events, event))


@stored
async def test_personal_data_is_read_as_it_was_written_until_it_is_erased(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE))
    assert await first(store, stream) == b.request(customer=WHO, metadata={"note": "analytical"})
    erasure = await erase(store)
    assert (erasure.payment_ids, erasure.events, erasure.plain_events, erasure.is_swept) == ((stream.id,), 1, 0, True)
    assert await first(store, stream) == b.request(customer={"id": "cust-1"}, metadata={})


@stored
async def test_every_way_of_reading_shows_the_erased_customer(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE))
    await erase(store)
    erased = await store.load(stream.id)
    assert await store.load_many([stream.id]) == {stream.id: erased}
    assert await store.read_all() == erased
    assert (await store.load(stream.id, after_version=1)) == erased[1:]
    assert erased[0].event.request.customer.name is None


@stored
async def test_everything_but_the_personal_data_stays(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE))
    before, rows, records = await store.load(stream.id), await store.list_payments(PaymentQuery()), None
    records = await store.records(stream.id)
    await erase(store)
    after = await store.load(stream.id)
    assert [each.hash for each in after] == [each.hash for each in before]
    assert after[1:] == before[1:]
    assert after[0].event.fingerprint == before[0].event.fingerprint
    assert await store.records(stream.id) == records
    assert await store.list_payments(PaymentQuery(customer_id="cust-1")) == rows


@stored
async def test_the_records_show_nothing_personal_before_either(store):
    stream = ada()
    await write(store, stream)
    data = (await store.records(stream.id))[0].data
    assert not any(word in data for word in ("Ada", "ada@", "4155550100", "analytical"))


@stored
async def test_the_words_of_hooks_are_erased_too(store):
    stream = ada()
    await store.append(judged(stream, "ada@example.com is known"))
    for step in (CHARGE, APPROVE):
        append = stream.then(*step)
        await store.append(replace(append, expected_version=append.expected_version + 1))
    assert (await store.load(stream.id))[1].event.reason == "ada@example.com is known"
    assert (await erase(store)).events == 2
    assert (await store.load(stream.id))[1].event.reason == ""


@stored
async def test_erasing_twice_gives_the_same_report(store):
    await write(store, ada(), steps=(CHARGE, APPROVE))
    assert await erase(store) == await erase(store)


@stored
async def test_erasing_nobody_erases_nothing(store):
    await write(store, ada(), steps=(CHARGE, APPROVE))
    erasure = await erase(store, "somebody-else")
    assert (erasure.payment_ids, erasure.events, erasure.plain_events) == ((), 0, 0)
    assert await store.erasures() == ()


@stored
async def test_other_customers_and_the_same_id_at_another_merchant_are_not_erased(store):
    one, two = ada(1), ada(2, merchant="other")
    three = ada(3, customer=WHO | {"id": "cust-2"})
    await write(store, one, two, three, steps=(CHARGE, APPROVE))
    assert (await erase(store)).payment_ids == (one.id,)
    names = [(await first(store, stream)).customer.name for stream in (one, two, three)]
    assert names == [None, "Ada Lovelace", "Ada Lovelace"]


@stored
async def test_later_payments_of_the_same_customer_are_not_erased(store):
    before, after = ada(1), ada(2)
    await write(store, before, steps=(CHARGE, APPROVE))
    await erase(store)
    await write(store, after, steps=(CHARGE, APPROVE))
    assert (await first(store, after)).customer.name == "Ada Lovelace"
    assert (await first(store, before)).customer.name is None
    assert (await erase(store)).events == 2
    assert (await first(store, after)).customer.name is None


@stored
async def test_a_later_event_of_an_erased_payment_shows_only_itself(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE))
    await erase(store)
    enriched = e.PaymentEnriched(at=b.NOW, hook="crm", metadata={"note": "later"})
    append = stream.then(b.refund(None))
    await store.append(replace(append, events=(*append.events, enriched)))
    events = [each.event for each in await store.load(stream.id)]
    assert events[-1].metadata == {"note": "later"}
    assert events[0].request.customer.name is None


@pytest.mark.parametrize("steps", [(), (CHARGE,), (CHARGE, DOUBT)], ids=["initiated", "processing", "in doubt"])
@stored
async def test_a_customer_with_an_unfinished_payment_is_not_erased(store, steps):
    done, open_ = ada(1), ada(2)
    await write(store, done, steps=(CHARGE, APPROVE))
    await write(store, open_, steps=steps)
    with pytest.raises(CustomerBusyError) as refused:
        await erase(store)
    assert refused.value.payment_ids == (open_.id,)
    assert (await first(store, done)).customer.name == "Ada Lovelace"
    assert await store.erasures() == ()


@stored
async def test_an_open_refund_keeps_its_customer(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE, (b.refund(None),)))
    with pytest.raises(CustomerBusyError):
        await erase(store)


@stored
async def test_a_parked_payment_keeps_its_customer(store):
    stream = ada()
    await write(store, stream, steps=(CHARGE, APPROVE))
    await store.park(Parking(payment_id=stream.id, cause="crashed", parked_at=b.NOW))
    with pytest.raises(CustomerBusyError):
        await erase(store)
    await store.unpark(stream.id)
    assert (await erase(store)).events == 1


@stored
async def test_an_error_names_ten_unfinished_payments_at_most(store):
    await write(store, *(ada(number) for number in range(1, 15)))
    with pytest.raises(CustomerBusyError) as refused:
        await erase(store)
    assert refused.value.payment_ids == tuple(Stream(number).id for number in range(1, 11))


@stored
async def test_payments_without_a_customer_are_left_alone(store):
    await write(store, ada(customer=None), steps=(CHARGE, APPROVE))
    assert (await store.load(Stream(1).id))[0].event.request.metadata == {"note": "analytical"}
    assert (await store.records(Stream(1).id))[0].data.count("analytical") == 1


@stored
async def test_what_was_erased_is_on_record_newest_first(store, clock):
    await write(store, ada(1), ada(2, merchant="other"), steps=(CHARGE, APPROVE))
    await erase(store)
    await store.erase_customer("cust-1", merchant="other", operator="otto", reason="again")
    records = await store.erasures()
    assert [(r.merchant, r.customer_id, r.operator, r.reason, r.at) for r in records] == [
        ("other", "cust-1", "otto", "again", clock.now()),
        ("default", "cust-1", "olga", "asked for it", clock.now()),
    ]
    assert await store.erasures(limit=1) == records[:1]


@stored
async def test_why_a_delivery_failed_is_forgotten_and_the_delivery_stays(store):
    one, two = ada(1), ada(2, customer={"id": "cust-2"})
    await write(store, one, two, steps=(CHARGE, APPROVE))
    await store.add_subscriber(Subscriber(name="mailer", kind=SubscriberKind.HANDLER, position=0, since=b.NOW))
    dead = [
        Delivery(
            subscriber="mailer", position=position, payment_id=stream.id, state=DeliveryState.DEAD, tries=3,
            error="KeyError: ada", failed_at=b.NOW,
        )
        for position, stream in ((1, one), (2, two))
    ]  # fmt: skip
    lines = tuple(
        WebhookAttempt(
            endpoint="shop", position=each.position, event_id=str(each.position), at=b.NOW, status=500, latency_s=0.5,
            error="answered 500: no mail to ada",
        )
        for each in await store.read_all()
        if each.version == 1
    )  # fmt: skip
    progress = Progress(subscriber="mailer", expected_position=0, position=2, put=tuple(dead), attempts=lines)
    await store.advance(progress)
    await erase(store)
    assert await store.deliveries() == (replace(dead[0], error=""), dead[1])
    assert [line for _, line in await store.webhook_attempts("shop")] == [lines[1], replace(lines[0], error="")]


@stored
async def test_concurrent_first_payments_of_one_customer_are_all_erased(store):
    streams = [ada(number) for number in range(1, 41)]
    appends = [stream.create() for stream in streams]
    await asyncio.gather(*map(store.append, appends))
    await asyncio.gather(*(store.append(stream.then(*CHARGE, *APPROVE)) for stream in streams))
    assert {(await first(store, stream)).customer.name for stream in streams} == {"Ada Lovelace"}
    assert (await erase(store)).events == 40
    assert {(await first(store, stream)).customer.name for stream in streams} == {None}


@stored
async def test_appends_around_an_erasure_keep_or_lose_their_data_whole(store):
    before, after = ada(1), ada(2)
    await write(store, before, steps=(CHARGE, APPROVE))
    await asyncio.gather(erase(store), store.append(after.create()), return_exceptions=True)
    names = [(await first(store, stream)).customer.name for stream in (before, after)]
    assert names in ([None, "Ada Lovelace"], ["Ada Lovelace", "Ada Lovelace"])
