"""Hooks that are asked about what is not stored yet."""

from __future__ import annotations

import pytest

from aegispay import IdempotencyConflictError, ValidationError
from aegispay.hooks import Allow, Enrich, Refuse
from tests.integration.engine.rig import World, order, virtual


@virtual
async def test_a_refused_request_is_told_to_its_caller_with_all_reasons_and_nothing_is_stored():
    world = World()
    engine = world.engine()
    engine.hooks.pre_validation(name="odd", priority=9, is_quick=True)(lambda context: Refuse("an odd request"))
    engine.hooks.pre_validation(name="small", is_quick=True)(lambda context: Refuse("x", {"amount": "at least 5"}))
    async with engine as aegis:
        with pytest.raises(ValidationError) as refused:
            await aegis.create_payment(**order())
        assert [str(error) for error in refused.value.errors] == [
            "hooks.odd: an odd request",
            "amount: at least 5 (hook small)",
        ]
        assert (await aegis.list_payments()).payments == ()
        assert [report.refused for report in aegis.hooks.list()] == [1, 1]


@virtual
async def test_hooks_are_asked_about_a_new_request_once_and_never_about_its_repetition():
    world, asked = World(), []

    def check(context):
        asked.append(context.request.idempotency_key)
        return Allow() if len(asked) == 1 else Refuse("never twice")

    engine = world.engine()
    engine.hooks.pre_validation(is_quick=True)(check)
    async with engine as aegis:
        first = await aegis.create_payment(**order())
        again = await aegis.pay(**order())
        assert again.id == first.id
        with pytest.raises(IdempotencyConflictError):
            await aegis.pay(**order(amount="7.00"))
    async with world.engine() as aegis:
        aegis.hooks.pre_validation(is_quick=True)(check)
        assert (await aegis.pay(**order())).state == "success"
    assert asked == ["order-1"]
    assert world.charges() == [("alpha", 10_000)]


@virtual
async def test_a_hook_that_accepts_by_silence_lets_the_request_through():
    world = World()
    engine = world.engine()
    engine.hooks.pre_validation(name="mute", is_quick=True)(lambda context: None)
    async with engine as aegis:
        assert (await aegis.pay(**order())).state == "success"


@pytest.mark.parametrize("on_failure", ["open", "closed"])
@virtual
async def test_what_the_failure_of_a_validation_means_is_what_was_declared(on_failure):
    world = World()
    engine = world.engine()

    @engine.hooks.pre_validation(on_failure=on_failure, is_quick=True)
    def broken(context):
        raise LookupError("secret 4242")

    async with engine as aegis:
        if on_failure == "open":
            assert (await aegis.pay(**order())).state == "success"
        else:
            with pytest.raises(
                ValidationError, match=r"^hooks\.broken: the hook failed, .* raised LookupError"
            ) as error:
                await aegis.pay(**order())
            assert "4242" not in str(error.value)
            assert world.charges() == []
        assert aegis.hooks.list()[0].failed == 1


@virtual
async def test_a_customer_is_validated_only_where_there_is_one():
    world, seen = World(), []
    engine = world.engine()

    @engine.hooks.custom_validation("customer", name="known", is_quick=True)
    def known(context):
        seen.append(context.customer.id)
        return Refuse("unknown customer")

    async with engine as aegis:
        assert (await aegis.pay(**order("a"))).state == "success"
        with pytest.raises(ValidationError, match=r"hooks\.known: unknown customer"):
            await aegis.pay(**order("b", customer={"id": "c-1"}))
    assert seen == ["c-1"]


@virtual
async def test_a_refund_that_a_hook_refuses_reserves_nothing_and_one_that_was_let_through_is_not_asked_about_again():
    world, asked = World(), []
    engine = world.engine()

    @engine.hooks.custom_validation("transaction", name="cap", is_quick=True)
    def cap(context):
        asked.append((context.kind, context.amount_minor))
        return Refuse("too much at once") if context.amount_minor and context.amount_minor > 5_000 else None

    async with engine as aegis:
        payment = await aegis.pay(**order())
        with pytest.raises(ValidationError, match=r"hooks\.cap: too much at once"):
            await aegis.refund_payment(payment.id, idempotency_key="r1", amount="60.00")
        assert (await aegis.get_payment(payment.id)).refundable_minor == 10_000
        await aegis.refund_payment(payment.id, idempotency_key="r2", amount="50.00")
        await aegis.refund_payment(payment.id, idempotency_key="r2", amount="50.00")
    assert asked == [("refund", 6_000), ("refund", 5_000)]
    assert world.moved() == [("charge", 10_000), ("refund", 5_000)]


@virtual
async def test_a_validation_of_the_hosts_own_is_asked_by_name():
    engine = World().engine()
    engine.hooks.custom_validation("custom", name="iban", is_quick=True)(
        lambda context: None if context.value == "fine" else Refuse("not fine")
    )
    async with engine as aegis:
        await aegis.validate("iban", "fine")
        with pytest.raises(ValidationError, match=r"hooks\.iban: not fine"):
            await aegis.validate("iban", "else")


# --- enrichment -------------------------------------------------------------------------------------


@virtual
async def test_additions_are_recorded_by_priority_and_never_overwrite_the_merchant_or_each_other():
    world = World()
    engine = world.engine()
    engine.hooks.enrichment(name="late", priority=1, is_quick=True)(
        lambda context: Enrich({"tier": "late", "b": [1], "own": "late"})
    )
    engine.hooks.enrichment(name="early", priority=5, is_quick=True)(
        lambda context: Enrich({"tier": "early", "own": "early"})
    )
    async with engine as aegis:
        payment = await aegis.create_payment(**order(metadata={"own": "mine"}))
        assert payment.metadata == {"own": "mine", "tier": "early", "b": [1]}
        assert payment.request.metadata == {"own": "mine"}
        events = [stored.event for stored in await aegis.payment_events(payment.id)]
        assert [(event.hook, event.metadata) for event in events[1:]] == [
            ("early", {"tier": "early"}),
            ("late", {"b": [1]}),
        ]
        assert await aegis.get_payment(payment.id) == payment
        assert (await aegis.create_payment(**order(metadata={"own": "mine"}))).version == payment.version


@virtual
async def test_later_enrichers_see_nothing_they_could_change_and_gateways_see_the_merchants_metadata_only():
    world, requests = World(), []
    engine = world.engine()

    @engine.hooks.enrichment(name="vandal", priority=5, is_quick=True)
    def vandal(context):
        context.request.metadata["own"]["deep"] = "changed"
        context.request.metadata["new"] = 1
        return Enrich({"tier": "gold"})

    charge = world["alpha"].charge

    async def watched(request):
        requests.append(request.metadata)
        return await charge(request)

    world["alpha"].charge = watched
    async with engine as aegis:
        payment = await aegis.pay(**order(metadata={"own": {"deep": "mine"}}))
    assert payment.metadata == {"own": {"deep": "mine"}, "tier": "gold"}
    assert requests == [{"own": {"deep": "mine"}}]


@virtual
async def test_an_addition_that_does_not_fit_beside_the_others_counts_as_the_failure_of_its_hook():
    world = World()
    engine = world.engine()
    engine.hooks.enrichment(name="half", priority=2, is_quick=True)(
        lambda context: Enrich({f"a{number}": number for number in range(600)})
    )
    engine.hooks.enrichment(name="rest", is_quick=True)(
        lambda context: Enrich({f"b{number}": number for number in range(600)})
    )
    async with engine as aegis:
        payment = await aegis.pay(**order())
        assert payment.state == "success"
        assert len(payment.metadata) == 600
        assert [(report.name, report.failed) for report in aegis.hooks.list()] == [("half", 0), ("rest", 1)]


@virtual
async def test_card_data_in_an_addition_never_gets_anywhere():
    world = World()
    engine = world.engine()
    engine.hooks.enrichment(name="leak", is_quick=True)(lambda context: Enrich({"note": "4242 4242 4242 4242"}))
    async with engine as aegis:
        payment = await aegis.pay(**order())
        assert payment.metadata == {}
        assert aegis.hooks.list()[0].failed == 1
