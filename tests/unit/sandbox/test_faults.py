"""Each fault: exactly what the client sees, and what the books hold then. Those of the socket are tested on one."""

import asyncio

import pytest

from aegispay.sandbox.faults import FAULTS, Call, Fault, by_token
from tests.unit.sandbox.rig import CHARGED, Rig, virtually


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("error_500_after", 500),
        ("error_502_after", 502),
        ("error_504_after", 504),
        ("error_520_after", 520),
        ("rate_limit_after", 429),
        ("in_progress", 409),
        ("unreadable_after", 200),
    ],
)
@virtually
async def test_the_answer_hides_what_was_carried_out(fault, status):
    async with Rig() as rig:
        answer = await rig.charge(fault=fault)
        assert answer.status_code == status
        assert await rig.moved() == CHARGED
        assert (await rig.find("r1"))[0]["status"] == "captured"
        assert next((each["executed"], each["fault"], each["status"]) for each in await rig.wire()) == (
            True,
            fault,
            status,
        )


@pytest.mark.parametrize("fault", ["rate_limit_after", "in_progress", "unreadable_after"])
@virtually
async def test_what_the_fault_hid_is_replayed_under_the_key(fault):
    async with Rig() as rig:
        await rig.charge(fault=fault)
        again = await rig.charge()
        assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
        assert await rig.moved() == CHARGED


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("error_500_before", 500, "provider_error"),
        ("rate_limit_before", 429, "rate_limited"),
        ("key_mismatch", 400, "idempotency_mismatch"),
    ],
)
@virtually
async def test_nothing_is_carried_out_before_an_early_fault(fault, status, kind):
    async with Rig() as rig:
        answer = await rig.charge(fault=fault)
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
        assert (await rig.moved(), await rig.find("r1")) == ([], [])
        assert next((each["executed"], each["fault"]) for each in await rig.wire()) == (False, fault)


@virtually
async def test_only_the_rate_limit_that_executed_nothing_says_so():
    async with Rig() as rig:
        before = await rig.charge("r1", fault="rate_limit_before")
        after = await rig.charge("r2", fault="rate_limit_after")
        assert before.json()["error"]["executed"] is False
        assert "executed" not in after.json()["error"]
        assert (before.headers["retry-after"], after.headers["retry-after"]) == ("1", "1")


@virtually
async def test_an_unreadable_answer_is_no_json():
    async with Rig() as rig:
        answer = await rig.charge(fault="unreadable_after")
        with pytest.raises(ValueError, match="control character"):
            answer.json()


@pytest.mark.parametrize("what", ["charge", "captures"])
@virtually
async def test_a_wrong_amount_is_a_lie_of_the_answer_alone(what):
    async with Rig() as rig:
        if what == "charge":
            answer = await rig.charge(fault="wrong_amount")
            assert (answer.json()["authorized_amount"], answer.json()["captured_amount"]) == (1001, 1001)
        else:
            payment = await rig.authorize()
            answer = await rig.operate("captures", payment, "c1", amount=1000, final=True, fault="wrong_amount")
        assert (answer.status_code, answer.json()["amount"]) == (201, 1001)
        assert [amount for kind, _, amount in await rig.moved() if kind == "capture"] == [1000]
        [found] = await rig.find("r1")
        assert (found["amount"], found["captured_amount"]) == (1000, 1000)


@pytest.mark.parametrize(("currency", "told"), [("USD", "EUR"), ("EUR", "USD"), ("JPY", "EUR")])
@virtually
async def test_a_wrong_currency_is_a_lie_of_the_answer_alone(currency, told):
    async with Rig() as rig:
        assert (await rig.charge(currency=currency, fault="wrong_currency")).json()["currency"] == told
        assert (await rig.find("r1"))[0]["currency"] == currency


@virtually
async def test_partial_authorizes_sixty_percent_or_declines():
    async with Rig() as rig:
        part = await rig.charge("r1", partial_allowed=True, fault="partial")
        none = await rig.charge("r2", fault="partial")
        assert (part.status_code, part.json()["captured_amount"], none.status_code) == (201, 600, 402)
        assert await rig.moved() == [("authorize", "r1", 600), ("capture", "r1", 600)]


@virtually
async def test_a_success_flips_later_and_takes_its_money_back():
    async with Rig() as rig:
        assert (await rig.charge(fault="flip_later")).json()["status"] == "captured"
        await rig.later(0.5)
        assert (await rig.find("r1"))[0]["decline"]["code"] == "capture_failed"
        assert await rig.moved() == [*CHARGED, ("capture", "r1", -1000)]


@virtually
async def test_a_decline_flips_later_into_a_success():
    async with Rig() as rig:
        declined = {"type": "card", "token": "tok_declined"}
        assert (await rig.charge(payment_method=declined, fault="flip_later")).status_code == 402
        await rig.later(0.5)
        assert (await rig.find("r1"))[0]["status"] == "captured"
        assert await rig.moved() == CHARGED


@virtually
async def test_a_chargeback_follows_the_refund():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        await rig.operate("refunds", payment, "f1", amount=300, fault="chargeback_after_refund")
        await rig.later(0.2)
        assert (await rig.moved())[2:] == [("refund", "f1", 300), ("chargeback", "r1", 300)]


@virtually
async def test_an_authorization_expires_early():
    async with Rig() as rig:
        payment = await rig.authorize(fault="expire_authorization")
        await rig.later(0.2)
        refused = await rig.operate("captures", payment, "c1", amount=1, final=True)
        assert refused.json()["error"]["code"] == "authorization_expired"


@pytest.mark.parametrize("is_armed_on_the_charge", [True, False])
@virtually
async def test_a_look_up_does_not_find_what_is_new_and_then_does(is_armed_on_the_charge):
    async with Rig() as rig:
        payment = (await rig.charge(fault="lookup_not_found" if is_armed_on_the_charge else None)).json()["id"]
        asked = None if is_armed_on_the_charge else "lookup_not_found"
        assert await rig.find("r1", fault=asked) == []
        assert (await rig.get(f"/v1/payments/{payment}", fault=asked)).status_code == 404
        await rig.later(1)
        assert len(await rig.find("r1", fault=asked)) == 1
        assert (await rig.get(f"/v1/payments/{payment}", fault=asked)).status_code == 200


@virtually
async def test_an_operation_may_not_be_found_either_while_it_is_new():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.operate("captures", payment, "c1", amount=1000, final=True, fault="lookup_not_found")
        assert await rig.find_operation("c1") == []
        await rig.later(1)
        assert len(await rig.find_operation("c1")) == 1


@virtually
async def test_a_stale_look_up_shows_what_was_before_the_last_change():
    async with Rig() as rig:
        payment = await rig.authorize()
        assert (await rig.find("r1", fault="lookup_stale"))[0]["status"] == "processing"
        await rig.operate("captures", payment, "c1", amount=1000, final=True)
        [stale] = await rig.find("r1", fault="lookup_stale")
        assert (stale["status"], stale["captured_amount"], stale["captures"]) == ("authorized", 0, [])
        assert (await rig.find_operation("c1", fault="lookup_stale"))[0]["status"] == "pending"
        assert (await rig.find("r1"))[0]["status"] == "captured"


@virtually
async def test_look_ups_fail_as_other_requests_do():
    async with Rig() as rig:
        await rig.charge()
        faults = ("error_500_before", "rate_limit_before", "unreadable_after")
        answers = [await rig.get("/v1/payments", reference="r1", fault=fault) for fault in faults]
        assert [answer.status_code for answer in answers] == [500, 429, 200]


@virtually
async def test_a_region_split_draws_a_region_so_a_resend_may_execute_twice():
    async with Rig() as rig:
        for number in range(20):
            await rig.charge(f"r{number}", fault="region_split")
            await rig.charge(f"r{number}")
        captures = [kind for kind, _, _ in await rig.moved() if kind == "capture"]
        assert 20 < len(captures) < 40


@virtually
async def test_a_region_named_by_the_client_is_never_split():
    async with Rig() as rig:
        body = {"reference": "r", "amount": 1, "currency": "USD", "payment_method": {"type": "card", "token": "t"}}
        for number in range(20):
            for fault in ({"sandbox_fault": "region_split"}, {}):
                await rig.post("/v1/payments", body, key=f"k{number}", sandbox_region="eu", **fault)
        assert len(await rig.moved()) == 40


@virtually
async def test_in_a_brown_out_all_is_slow_and_a_third_fails():
    async with Rig() as rig:
        loop = asyncio.get_running_loop()
        await rig.admin("POST", "/faults", {"fault": "brown_out", "seconds": 1000})
        started = loop.time()
        statuses = [(await rig.charge(f"r{number}")).status_code for number in range(200)]
        assert loop.time() - started == pytest.approx(200 * 0.05)
        assert 40 <= len([status for status in statuses if status in {500, 504}]) <= 80
        assert set(statuses) == {201, 500, 504}
        charged = len([kind for kind, _, _ in await rig.moved() if kind == "capture"])
        assert charged == statuses.count(201) + statuses.count(504)
        await rig.later(1000)
        started = loop.time()
        assert (await rig.charge("late")).status_code == 201
        assert loop.time() == started


@virtually
async def test_a_fault_ordered_by_a_token_strikes_the_first_send_only():
    async with Rig() as rig:
        method = {"type": "card", "token": "tok_rate_limit_before"}
        assert (await rig.charge(payment_method=method)).status_code == 429
        assert (await rig.charge(payment_method=method)).status_code == 201
        assert await rig.moved() == CHARGED


@virtually
async def test_a_upi_address_orders_a_fault_as_a_token_does():
    async with Rig() as rig:
        answer = await rig.charge(payment_method={"type": "upi", "vpa": "error_502_after@bank"})
        assert (answer.status_code, await rig.moved()) == (502, CHARGED)


@virtually
async def test_a_token_for_look_ups_or_refunds_leaves_the_charge_alone():
    async with Rig() as rig:
        payment = (await rig.charge(payment_method={"type": "card", "token": "tok_chargeback_after_refund"})).json()[
            "id"
        ]
        await rig.operate("refunds", payment, "f1", amount=10)
        await rig.later(1)
        assert (await rig.moved())[2:] == [("refund", "f1", 10), ("chargeback", "r1", 10)]
        await rig.charge("r2", payment_method={"type": "card", "token": "tok_lookup_stale"})
        assert [(await rig.find("r2"))[0]["status"] for _ in range(2)] == ["processing", "captured"]


def test_every_fault_is_explained_and_can_be_ordered_by_token():
    assert set(FAULTS) == set(Fault)
    assert [
        fault for fault in Fault if fault is not Fault.PARTIAL and not any(by_token(fault.token, c) for c in Call)
    ] == []
