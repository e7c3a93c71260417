"""The 3-D Secure page."""

import pytest

from tests.unit.sandbox.rig import CHARGED, Rig, virtually

CHALLENGED = {"type": "card", "token": "tok_requires_action"}


async def challenge(rig, **more):
    payment = (await rig.charge(payment_method=CHALLENGED, **more)).json()
    return payment["id"], f"/challenge/{payment['id']}", payment


@virtually
async def test_the_payer_is_sent_to_a_page_with_two_forms():
    async with Rig() as rig:
        _, path, payment = await challenge(rig)
        action = payment["next_action"]
        assert (payment["status"], action["type"], action["url"].endswith(path)) == (
            "requires_action",
            "redirect",
            True,
        )
        page = await rig.get(path)
        assert (page.status_code, page.text.count("<form")) == (200, 2)
        assert await rig.moved() == []


@pytest.mark.parametrize(("result", "status", "moves"), [("pass", "captured", CHARGED), ("fail", "declined", [])])
@virtually
async def test_the_provider_goes_on_by_itself_after_the_payers_turn(result, status, moves):
    async with Rig() as rig:
        _, path, _ = await challenge(rig)
        assert (await rig.client.post(path, data={"result": result})).status_code == 200
        [payment] = await rig.find("r1")
        assert (payment["status"], payment["next_action"]) == (status, None)
        assert (payment["decline"] or {}).get("code") == (None if result == "pass" else "authentication_failed")
        assert await rig.moved() == moves


@virtually
async def test_the_payer_goes_back_to_the_shop():
    async with Rig() as rig:
        payment_id, path, _ = await challenge(rig, return_url="http://shop/back?order=7")
        answer = await rig.client.post(path, data={"result": "pass"})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"http://shop/back?order=7&payment={payment_id}"


@virtually
async def test_two_turns_charge_once():
    async with Rig() as rig:
        _, path, _ = await challenge(rig)
        answers = [await rig.client.post(path, data={"result": "pass"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 410]
        assert await rig.moved() == CHARGED


@virtually
async def test_a_challenge_expires_after_fifteen_minutes():
    async with Rig() as rig:
        _, path, _ = await challenge(rig)
        await rig.later(15 * 60)
        assert (await rig.client.post(path, data={"result": "pass"})).status_code == 410
        [payment] = await rig.find("r1")
        assert (payment["status"], payment["authorized_amount"]) == ("expired", 0)
        assert await rig.moved() == []


@virtually
async def test_a_challenged_payment_cannot_be_captured_yet():
    async with Rig() as rig:
        payment_id, _, _ = await challenge(rig, capture="manual")
        answer = await rig.operate("captures", payment_id, "c1", amount=1, final=True)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_other_operation")


@pytest.mark.parametrize(("path", "result", "status"), [("", "maybe", 400), ("x", "pass", 404)])
@virtually
async def test_a_wrong_turn_changes_nothing(path, result, status):
    async with Rig() as rig:
        _, right, _ = await challenge(rig)
        assert (await rig.client.post(right + path, data={"result": result})).status_code == status
        assert (await rig.find("r1"))[0]["status"] == "requires_action"
