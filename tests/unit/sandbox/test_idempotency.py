"""Idempotency keys: replayed, compared, scoped, forgotten, and never in the way of a request that died."""

import asyncio

import pytest

from tests.unit.sandbox.rig import CHARGED, VISA, Rig, virtually

BODY = {"reference": "r1", "amount": 1000, "currency": "USD", "payment_method": VISA}
REPLAYED = "idempotent-replayed"


@pytest.mark.parametrize("token", ["tok_visa", "tok_declined", "tok_requires_action"])
@virtually
async def test_the_same_request_again_gets_the_stored_answer(token):
    async with Rig() as rig:
        first = await rig.charge(payment_method={"type": "card", "token": token})
        await rig.later(60)
        again = await rig.charge(payment_method={"type": "card", "token": token})
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
        assert len(await rig.find("r1")) == 1


@virtually
async def test_a_refusal_by_state_is_stored_too():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        first = await rig.operate("voids", payment, "v1")
        again = await rig.operate("voids", payment, "v1")
        assert (first.status_code, again.status_code, again.headers[REPLAYED]) == (409, 409, "true")


@virtually
async def test_another_body_or_endpoint_under_the_key_is_a_mismatch():
    async with Rig() as rig:
        payment = await rig.authorize()
        other_body = await rig.charge(amount=1001, capture="manual")
        other_endpoint = await rig.post(f"/v1/payments/{payment}/voids", {"reference": "v1"}, key="key-r1")
        for answer in (other_body, other_endpoint):
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_mismatch")
        assert await rig.moved() == [("authorize", "r1", 1000)]


@virtually
async def test_the_order_of_the_fields_is_no_other_body():
    async with Rig() as rig:
        await rig.post("/v1/payments", BODY, key="k")
        again = await rig.post("/v1/payments", dict(reversed(BODY.items())), key="k")
        assert (again.status_code, again.headers[REPLAYED]) == (201, "true")


@virtually
async def test_a_reference_is_not_unique_so_two_keys_are_two_payments():
    async with Rig() as rig:
        first = await rig.charge(key="k1")
        second = await rig.charge(key="k2")
        assert [each["id"] for each in await rig.find("r1")] == [first.json()["id"], second.json()["id"]]
        assert await rig.moved() == CHARGED * 2


@virtually
async def test_after_its_window_a_key_is_new_and_executes_again():
    async with Rig(key_window_s=60) as rig:
        await rig.charge()
        await rig.later(59)
        assert (await rig.charge()).headers[REPLAYED] == "true"
        await rig.later(1)
        assert REPLAYED not in (await rig.charge()).headers
        assert await rig.moved() == CHARGED * 2


@virtually
async def test_accounts_do_not_share_keys_nor_see_each_others_payments():
    async with Rig() as rig:
        payment = await rig.authorize()
        other = {"authorization": "Bearer sk_sandbox_other"}
        assert REPLAYED not in (await rig.post("/v1/payments", BODY, key="key-r1", **other)).headers
        assert (await rig.client.get(f"/v1/payments/{payment}", headers=other)).status_code == 404
        captured = await rig.post(
            f"/v1/payments/{payment}/captures", {"reference": "c1", "amount": 1, "final": True}, key="c", **other
        )
        assert captured.status_code == 404


@virtually
async def test_the_same_key_in_two_regions_executes_twice():
    async with Rig() as rig:
        for region in ("eu", "us", "us"):
            assert (await rig.post("/v1/payments", BODY, key="k", sandbox_region=region)).status_code == 201
        assert (await rig.post("/v1/payments", BODY, key="k")).headers[REPLAYED] == "true"
        assert await rig.moved() == CHARGED * 2


@virtually
async def test_a_second_request_is_refused_while_the_first_one_runs():
    async with Rig(latency_s=1.0) as rig:
        answers = await asyncio.gather(rig.charge(), rig.charge(), rig.charge())
        codes = sorted((each.status_code, each.json().get("error", {}).get("type")) for each in answers)
        assert codes == [(201, None), (409, "in_progress"), (409, "in_progress")]
        assert (await rig.charge()).headers[REPLAYED] == "true"
        assert await rig.moved() == CHARGED


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": "Bearer pk_live_x"}, BODY, 401),
        ({}, {**BODY, "amount": "1000"}, 400),
        ({"sandbox-fault": "rate_limit_before"}, BODY, 429),
    ],
)
@virtually
async def test_a_request_that_was_refused_leaves_its_key_free(headers, body, status):
    async with Rig() as rig:
        assert (await rig.post("/v1/payments", body, key="k", **headers)).status_code == status
        answer = await rig.post("/v1/payments", BODY, key="k")
        assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
        assert await rig.moved() == CHARGED


@pytest.mark.parametrize("fault", ["error_500_after", "error_504_after"])
@virtually
async def test_a_stored_failure_is_replayed_and_never_executes_again(fault):
    async with Rig() as rig:
        first = await rig.charge(fault=fault)
        again = await rig.charge()
        assert (again.status_code, again.headers[REPLAYED]) == (first.status_code, "true")
        assert await rig.moved() == CHARGED


@pytest.mark.parametrize("fault", ["error_500_after", "error_504_after"])
@virtually
async def test_a_provider_that_forgets_failures_executes_the_same_key_again(fault):
    async with Rig(keeps_failures=False) as rig:
        await rig.charge(fault=fault)
        again = await rig.charge()
        assert (again.status_code, REPLAYED in again.headers) == (201, False)
        assert await rig.moved() == CHARGED * 2


@virtually
async def test_a_failure_before_execution_burns_the_key():
    async with Rig() as rig:
        assert (await rig.charge(fault="error_500_before")).status_code == 500
        assert (await rig.charge()).status_code == 500
        assert (await rig.moved(), await rig.find("r1")) == ([], [])


@virtually
async def test_a_failure_before_execution_does_not_replace_a_stored_answer():
    async with Rig() as rig:
        await rig.charge()
        assert (await rig.charge(fault="error_500_before")).status_code == 500
        assert (await rig.charge()).status_code == 201
