"""A whole engine forgets a customer: on disk, in its actors, for whoever asks."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegispay import AegisPay, BlockingAegisPay, EngineClosedError, SimulatedGateway, SqliteStore, ValidationError
from aegispay.clock import SystemClock
from aegispay.delivery_errors import CustomerBusyError, ErasureUnfinishedError
from aegispay.domain.outcome import Declined, DeclineKind, Reason
from aegispay.errors import IdempotencyConflictError, StoreUnavailableError
from aegispay.hooks import ManualReview
from aegispay.storage.verify import verify
from tests.integration.engine.rig import Adapter, World, order, virtual

WHO = {
    "id": "cust-1",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+14155550100",
    "billing_address": {"line1": "12 St James Square", "city": "London", "country": "GB"},
}
PERSONAL = (b"Lovelace", b"ada@example", b"14155550100", b"St James", b"analytical", b"ada@bank", b"shop.example")
ASKED = {"operator": "olga", "reason": "asked for it"}


def ada(key="order-1", **changes):
    given_ = {"customer": WHO, "metadata": {"note": "analytical"}, "return_url": "https://shop.example/ada"}
    return order(key, **(given_ | changes))


def everything(path):
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


@virtual
async def test_nobody_is_shown_the_customer_any_more():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**ada())
        assert payment.request.customer.name == "Ada Lovelace"
        report = await aegis.erase_customer("cust-1", **ASKED)
        assert (report.payments, report.events, report.plain_events) == (1, 1, 0)
        for seen in (
            await aegis.get_payment(payment.id),
            await aegis.get_payment_by_idempotency_key("order-1"),
            (await aegis.payment_events(payment.id))[0].event,
        ):
            customer = seen.request.customer
            assert (customer.id, customer.name, customer.email, customer.phone) == ("cust-1", None, None, None)
            assert (customer.billing_address, seen.request.metadata, seen.request.return_url) == (None, {}, None)


@virtual
async def test_a_payment_in_memory_is_put_away():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**ada())
        directory = aegis._assembly.directory
        assert payment.id in directory
        await aegis.erase_customer("cust-1", **ASKED)
        assert payment.id not in directory


@virtual
async def test_the_payment_is_still_found_counted_and_returned():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**ada())
        await aegis.erase_customer("cust-1", **ASKED)
        page = await aegis.list_payments(customer_id="cust-1")
        assert [each.id for each in page.payments] == [payment.id]
        returned = await aegis.refund_payment(payment.id, idempotency_key="back")
        assert (returned.state.value, returned.refunded_minor) == ("refunded", 10_000)
        assert world.refunded_minor(payment.id) == 10_000


@virtual
async def test_the_same_request_is_the_same_payment_and_another_one_a_conflict():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**ada())
        await aegis.erase_customer("cust-1", **ASKED)
        assert (await aegis.pay(**ada())).id == payment.id
        with pytest.raises(IdempotencyConflictError):
            await aegis.pay(**ada(amount="99.00"))
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_customer_who_is_paying_is_not_erased_and_can_be_afterwards():
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.create_payment(**ada())
        with pytest.raises(CustomerBusyError) as refused:
            await aegis.erase_customer("cust-1", **ASKED)
        assert refused.value.payment_ids == (payment.id,)
        paid = await aegis.process_payment(payment.id)
        assert paid.request.customer.name == "Ada Lovelace"
        assert (await aegis.erase_customer("cust-1", **ASKED)).events == 1
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_erasing_while_the_customer_pays_leaves_a_charge_and_either_all_of_the_data_or_none():
    world = World()
    async with world.engine() as aegis:
        first = await aegis.pay(**ada())
        paying = asyncio.ensure_future(aegis.pay(**ada("order-2")))
        answers = await asyncio.gather(aegis.erase_customer("cust-1", **ASKED), paying, return_exceptions=True)
        second = await aegis.get_payment(answers[1].id)
        assert second.state.value == "success"
        erased = not isinstance(answers[0], CustomerBusyError)
        assert ((await aegis.get_payment(first.id)).request.customer.name is None) == erased
        assert second.request.customer.name == "Ada Lovelace"
    assert len(world.charges()) == 2


@virtual
async def test_a_customer_who_comes_back_is_a_new_one():
    world = World()
    async with world.engine() as aegis:
        before = await aegis.pay(**ada())
        await aegis.erase_customer("cust-1", **ASKED)
        after = await aegis.pay(**ada("order-2"))
        assert (await aegis.get_payment(after.id)).request.customer.name == "Ada Lovelace"
        assert (await aegis.get_payment(before.id)).request.customer.name is None


@virtual
async def test_erasing_again_is_harmless_and_each_time_on_record():
    world = World()
    async with world.engine() as aegis:
        await aegis.pay(**ada())
        first = await aegis.erase_customer("cust-1", **ASKED)
        assert await aegis.erase_customer("cust-1", operator="otto", reason="to be sure") == first
        assert [(each.operator, each.reason) for each in await aegis.erasures()] == [
            ("otto", "to be sure"),
            ("olga", "asked for it"),
        ]
        assert (await aegis.erase_customer("nobody", **ASKED)).payments == 0


@virtual
async def test_a_store_that_does_not_answer_the_payment_in_memory_is_told(monkeypatch):
    world = World()
    async with world.engine() as aegis:
        payment = await aegis.pay(**ada())

        async def broken(payment_id, *, after_version=0):
            raise StoreUnavailableError("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(world.store, "load", broken)
            with pytest.raises(StoreUnavailableError, match="the disk is gone"):
                await aegis.erase_customer("cust-1", **ASKED)
        await aegis.erase_customer("cust-1", **ASKED)
        assert (await aegis.get_payment(payment.id)).request.customer.name is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_id": ""}, "customer_id"),
        ({"customer_id": "x" * 129}, "customer_id"),
        ({"customer_id": None}, "customer_id"),
        ({"operator": " "}, "operator"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"merchant": ""}, "merchant"),
    ],
)
def test_bad_input_is_named_and_nothing_is_erased(changes, field):
    @virtual
    async def scenario():
        world = World()
        async with world.engine() as aegis:
            payment = await aegis.pay(**ada())
            fields = {"customer_id": "cust-1", **ASKED, **changes}
            with pytest.raises(ValidationError) as refused:
                await aegis.erase_customer(fields.pop("customer_id"), **fields)
            assert [error.field for error in refused.value.errors] == [field]
            assert (await aegis.get_payment(payment.id)).request.customer.name == "Ada Lovelace"

    scenario()


@virtual
async def test_a_closed_engine_erases_nobody():
    world = World()
    with pytest.raises(EngineClosedError):
        await world.engine().erase_customer("cust-1", **ASKED)
    with pytest.raises(EngineClosedError):
        await world.engine().erasures()


def test_on_disk_no_byte_is_left_and_the_next_engine_knows_nothing(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario():
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            await aegis.pay(**ada())
            await aegis.pay(**ada("order-2", payment_method={"type": "upi", "vpa": "ada@bank"}))
            refused = await aegis.pay(**ada("order-3", payment_method={"type": "card", "token": "tok_declined"}))
            assert refused.state.value == "failure"
            report = await aegis.erase_customer("cust-1", **ASKED)
            # The refused one has two events with words of the gateway.
            assert (report.payments, report.events, report.plain_events) == (3, 5, 0)
            assert not any(word in everything(path) for word in PERSONAL)
        async with AegisPay(path, gateways=[SimulatedGateway("alpha")]) as aegis:
            for key in ("order-1", "order-2", "order-3"):
                payment = await aegis.get_payment_by_idempotency_key(key)
                assert payment.request.customer.name is None
        assert not any(word in everything(path) for word in PERSONAL)

    asyncio.run(scenario())
    assert verify(path).problems == ()


def test_traces_that_are_left_are_an_error_and_the_engine_forgets_all_the_same(tmp_path, monkeypatch):
    async def scenario():
        store = SqliteStore(tmp_path / "payments.db")
        async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
            payment = await aegis.pay(**ada())

            async def blocked():
                return False

            with monkeypatch.context() as patch:
                patch.setattr(store, "_sweep", blocked)
                with pytest.raises(ErasureUnfinishedError):
                    await aegis.erase_customer("cust-1", **ASKED)
            assert (await aegis.get_payment(payment.id)).request.customer.name is None
            assert (await aegis.erase_customer("cust-1", **ASKED)).events == 1

    asyncio.run(scenario())


def test_without_a_loop(tmp_path):
    with BlockingAegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = aegis.pay(**ada())
        assert aegis.erase_customer("cust-1", **ASKED).events == 1
        assert aegis.get_payment(payment.id).request.customer.name is None
        assert [each.customer_id for each in aegis.erasures()] == ["cust-1"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pay", "pay", "create", "process", "erase", "restart"]),
        st.sampled_from(["default", "other"]),
        st.integers(0, 2),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_any_history_shows_exactly_the_customers_who_were_not_erased(steps):
    """The model: which payments are open, and whose data were erased after they were made."""

    @virtual
    async def scenario():
        world, shown, open_ = World(), {}, {}
        engine = world.engine()
        await engine.open()
        for number, (step, merchant, who) in enumerate(steps):
            owner = (merchant, f"cust-{who}")
            fields = ada(f"order-{number}", merchant=merchant, customer=WHO | {"id": owner[1]})
            if step == "restart":
                await engine.close()
                engine = world.engine()
                await engine.open()
            elif step in {"pay", "create"}:
                made = await (engine.pay(**fields) if step == "pay" else engine.create_payment(**fields))
                shown[made.id] = owner
                if step == "create":
                    open_[made.id] = owner
            elif step == "process":
                for payment_id in [each for each, whose in open_.items() if whose == owner]:
                    await engine.process_payment(payment_id)
                    del open_[payment_id]
            elif owner in open_.values():
                with pytest.raises(CustomerBusyError):
                    await engine.erase_customer(owner[1], merchant=merchant, **ASKED)
            else:
                await engine.erase_customer(owner[1], merchant=merchant, **ASKED)
                shown = {payment_id: None if whose == owner else whose for payment_id, whose in shown.items()}
        for payment_id, whose in shown.items():
            customer = (await engine.get_payment(payment_id)).request.customer
            assert customer.name == (None if whose is None else "Ada Lovelace")
        await engine.close()

    scenario()


class Talkative(Adapter):
    """A gateway that repeats the customer's name, wherever it may say something."""

    def __init__(self):
        said = f"no funds for {WHO['name']}"
        super().__init__(
            Declined(kind=DeclineKind.HARD, reason=Reason.STOLEN_CARD, message=said), clock=SystemClock(), name="alpha"
        )


def test_no_word_of_hooks_gateways_or_callers_is_left_on_disk(tmp_path):
    path = tmp_path / "payments.db"

    async def scenario():
        aegis = AegisPay(path, gateways=[Talkative(), SimulatedGateway("beta")])

        @aegis.hooks.error_handler(is_quick=True)
        def handler(context):
            return ManualReview(f"ask {context.payment.request.customer.name}")

        async with aegis:
            failed = await aegis.pay(**ada(gateway="alpha"))
            assert failed.incidents[0].detail.endswith("ask Ada Lovelace")
            held = await aegis.pay(**ada("order-2", gateway="beta", capture="manual"))
            await aegis.cancel_payment(held.id, reason="Ada Lovelace changed her mind")
            paid = await aegis.pay(**ada("order-3", gateway="beta"))
            await aegis.refund_payment(paid.id, idempotency_key="r", reason="Ada Lovelace is unhappy")
            report = await aegis.erase_customer("cust-1", **ASKED)
            assert (report.payments, report.plain_events) == (3, 0)
            assert not any(word in everything(path) for word in PERSONAL)
            failed = await aegis.get_payment(failed.id)
            assert (failed.incidents[0].reason, failed.incidents[0].detail) == (Reason.REVIEW_WANTED, "")
            assert (failed.failure.reason, failed.failure.message) == (Reason.STOLEN_CARD, "")
        assert not any(word in everything(path) for word in PERSONAL)

    asyncio.run(scenario())
    assert verify(path).problems == ()
