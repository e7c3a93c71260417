"""Payments, captures, voids and refunds as the provider's rules have them."""

import pytest

from aegispay.sandbox.verdict import CARDS
from tests.unit.sandbox.rig import CHARGED, Rig, virtually


def error_of(answer):
    return answer.status_code, answer.json()["error"]["type"], answer.json()["error"]["code"]


@virtually
async def test_an_automatic_charge_captures_at_once():
    async with Rig() as rig:
        answer = await rig.charge()
        assert answer.status_code == 201
        payment = answer.json()
        assert (payment["status"], payment["capture"]) == ("captured", "automatic")
        assert (payment["authorized_amount"], payment["captured_amount"], payment["refunded_amount"]) == (1000, 1000, 0)
        assert await rig.moved() == CHARGED
        assert await rig.find("r1") == [payment]
        assert (await rig.get(f"/v1/payments/{payment['id']}")).json() == payment


@virtually
async def test_a_manual_charge_reserves_and_the_capture_collects():
    async with Rig() as rig:
        payment = await rig.authorize()
        answer = await rig.operate("captures", payment, "c1", amount=1000, final=True)
        assert answer.status_code == 201
        operation = answer.json()
        assert operation | {"id": "", "created_at": ""} == {
            "object": "operation",
            "kind": "capture",
            "id": "",
            "reference": "c1",
            "payment": payment,
            "payment_reference": "r1",
            "amount": 1000,
            "currency": "USD",
            "status": "succeeded",
            "failure": None,
            "created_at": "",
        }
        assert await rig.moved() == [("authorize", "r1", 1000), ("capture", "c1", 1000)]
        assert await rig.find_operation("c1") == [operation]
        [found] = await rig.find("r1")
        assert (found["status"], found["captures"]) == ("captured", [operation])


@virtually
async def test_several_partial_captures_never_collect_more_than_was_authorized():
    async with Rig() as rig:
        payment = await rig.authorize()
        assert (await rig.operate("captures", payment, "c1", amount=400, final=False)).status_code == 201
        refused = await rig.operate("captures", payment, "c2", amount=601, final=False)
        assert error_of(refused) == (409, "invalid_state", "amount_too_large")
        assert (await rig.operate("captures", payment, "c3", amount=600, final=False)).status_code == 201
        late = await rig.operate("captures", payment, "c4", amount=1, final=False)
        assert error_of(late) == (409, "invalid_state", "already_captured")
        assert [amount for kind, _, amount in await rig.moved() if kind == "capture"] == [400, 600]


@virtually
async def test_a_final_partial_capture_releases_the_rest():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.operate("captures", payment, "c1", amount=400, final=True)
        [found] = await rig.find("r1")
        assert (found["status"], found["captured_amount"]) == ("captured", 400)
        assert (await rig.operate("captures", payment, "c2", amount=1, final=True)).status_code == 409


@virtually
async def test_a_void_releases_the_authorization():
    async with Rig() as rig:
        payment = await rig.authorize()
        voided = await rig.operate("voids", payment, "v1")
        assert (voided.status_code, voided.json()["amount"]) == (201, 1000)
        assert (await rig.find("r1"))[0]["status"] == "voided"
        assert error_of(await rig.operate("captures", payment, "c1", amount=1, final=True))[2] == "already_voided"
        assert error_of(await rig.operate("voids", payment, "v2"))[2] == "already_voided"
        assert error_of(await rig.operate("refunds", payment, "f1", amount=1))[2] == "already_voided"


@virtually
async def test_a_void_after_a_partial_capture_releases_what_is_left():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.operate("captures", payment, "c1", amount=400, final=False)
        voided = await rig.operate("voids", payment, "v1")
        assert voided.json()["amount"] == 600
        [found] = await rig.find("r1")
        assert (found["status"], found["captured_amount"]) == ("captured", 400)


@virtually
async def test_a_captured_payment_cannot_be_voided():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        assert error_of(await rig.operate("voids", payment, "v1")) == (409, "invalid_state", "already_captured")
        assert await rig.moved() == CHARGED


@virtually
async def test_partial_refunds_never_give_back_more_than_was_captured():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        assert (await rig.operate("refunds", payment, "f1", amount=700)).status_code == 201
        assert error_of(await rig.operate("refunds", payment, "f2", amount=301))[2] == "amount_too_large"
        assert (await rig.operate("refunds", payment, "f3", amount=300)).status_code == 201
        assert (await rig.find("r1"))[0]["refunded_amount"] == 1000
        assert (await rig.moved())[2:] == [("refund", "f1", 700), ("refund", "f3", 300)]


@virtually
async def test_nothing_is_refunded_that_was_not_captured():
    async with Rig() as rig:
        payment = await rig.authorize()
        assert error_of(await rig.operate("refunds", payment, "f1", amount=1))[2] == "not_captured"


@pytest.mark.parametrize(
    ("token", "code", "kind"),
    [
        ("tok_declined", "do_not_honor", "hard"),
        ("tok_insufficient_funds", "insufficient_funds", "customer_fixable"),
        ("tok_lost_card", "lost_card", "hard"),
        ("tok_stolen_card", "stolen_card", "hard"),
        ("tok_expired_card", "expired_card", "customer_fixable"),
        ("tok_incorrect_cvc", "incorrect_cvc", "customer_fixable"),
        ("tok_fraud", "fraud_suspected", "risk"),
        ("tok_soft_declined", "issuer_unavailable", "soft"),
    ],
)
@virtually
async def test_a_token_is_declined_as_it_says(token, code, kind):
    async with Rig() as rig:
        answer = await rig.charge(payment_method={"type": "card", "token": token})
        assert error_of(answer) == (402, "declined", code)
        payment = answer.json()["error"]["payment"]
        assert (payment["status"], payment["decline"]["code"], payment["decline"]["kind"]) == ("declined", code, kind)
        assert await rig.moved() == []
        refused = await rig.operate("captures", payment["id"], "c1", amount=1, final=True)
        assert error_of(refused)[2] == "not_authorized"


@pytest.mark.parametrize("number", CARDS)
@virtually
async def test_the_public_test_cards_behave_as_everybody_knows(number):
    expected = {"tok_visa": 201, "tok_requires_action": 201}.get(CARDS[number], 402)
    async with Rig() as rig:
        answer = await rig.charge(payment_method={"type": "card", "number": number, "cvc": "123"})
        assert answer.status_code == expected
        assert number not in answer.text


@virtually
async def test_any_other_card_is_not_supported():
    async with Rig() as rig:
        answer = await rig.charge(payment_method={"type": "card", "number": "4012888888881881"})
        assert error_of(answer) == (402, "declined", "card_not_supported")


@virtually
async def test_a_part_is_authorized_only_where_that_is_allowed():
    async with Rig() as rig:
        partly = {"type": "card", "token": "tok_partial"}
        allowed = await rig.charge("r1", capture="manual", partial_allowed=True, payment_method=partly)
        assert (allowed.status_code, allowed.json()["authorized_amount"]) == (201, 600)
        refused = await rig.charge("r2", payment_method=partly)
        assert error_of(refused)[2] == "insufficient_funds"
        assert await rig.moved() == [("authorize", "r1", 600)]
        payment = allowed.json()["id"]
        assert error_of(await rig.operate("captures", payment, "c1", amount=601, final=True))[2] == "amount_too_large"


@virtually
async def test_a_payment_may_be_processed_before_it_is_captured():
    async with Rig() as rig:
        answer = await rig.charge(payment_method={"type": "card", "token": "tok_processing"})
        assert (answer.status_code, answer.json()["status"]) == (201, "processing")
        assert await rig.moved() == []
        await rig.later(1)
        assert (await rig.find("r1"))[0]["status"] == "captured"


@pytest.mark.parametrize(
    ("token", "status", "moves"), [("tok_refund_pending", "succeeded", 1), ("tok_refund_fails", "failed", 0)]
)
@virtually
async def test_a_refund_may_be_decided_later_and_reserves_meanwhile(token, status, moves):
    async with Rig() as rig:
        payment = (await rig.charge(payment_method={"type": "card", "token": token})).json()["id"]
        assert (await rig.operate("refunds", payment, "f1", amount=600)).json()["status"] == "pending"
        assert error_of(await rig.operate("refunds", payment, "f2", amount=401))[2] == "amount_too_large"
        await rig.later(1)
        assert (await rig.find_operation("f1"))[0]["status"] == status
        assert len([kind for kind, _, _ in await rig.moved() if kind == "refund"]) == moves


@virtually
async def test_an_authorization_expires_after_a_week():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.later(7 * 86_400 - 1)
        assert (await rig.find("r1"))[0]["status"] == "authorized"
        await rig.later(1)
        assert (
            error_of(await rig.operate("captures", payment, "c1", amount=1, final=True))[2] == "authorization_expired"
        )
        assert (await rig.find("r1"))[0]["status"] == "expired"


@virtually
async def test_an_authorization_captured_in_part_stays_captured_when_it_expires():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.operate("captures", payment, "c1", amount=400, final=False)
        assert (await rig.admin("POST", f"/payments/{payment}/expire")).json()["status"] == "captured"
        assert error_of(await rig.operate("captures", payment, "c2", amount=1, final=True))[2] == "already_captured"


@virtually
async def test_the_operator_flips_a_capture_and_its_money_goes_back():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        flipped = (await rig.admin("POST", f"/payments/{payment}/flip")).json()
        assert (flipped["status"], flipped["decline"]["code"], flipped["captured_amount"]) == (
            "declined",
            "capture_failed",
            0,
        )
        assert (await rig.moved())[2:] == [("capture", "r1", -1000)]


@virtually
async def test_a_flipped_manual_capture_fails_and_the_authorization_stands():
    async with Rig() as rig:
        payment = await rig.authorize()
        await rig.operate("captures", payment, "c1", amount=1000, final=True)
        flipped = (await rig.admin("POST", f"/payments/{payment}/flip")).json()
        assert (flipped["status"], flipped["captured_amount"]) == ("authorized", 0)
        [operation] = await rig.find_operation("c1")
        assert (operation["status"], operation["failure"]["code"]) == ("failed", "capture_failed")
        assert sum(amount for kind, _, amount in await rig.moved() if kind == "capture") == 0


@virtually
async def test_a_flipped_decline_succeeds_late():
    async with Rig() as rig:
        declined = await rig.charge(payment_method={"type": "card", "token": "tok_declined"})
        payment = declined.json()["error"]["payment"]["id"]
        flipped = (await rig.admin("POST", f"/payments/{payment}/flip")).json()
        assert (flipped["status"], flipped["decline"]) == ("captured", None)
        assert await rig.moved() == CHARGED


@virtually
async def test_nothing_is_flipped_after_money_was_given_back():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        await rig.operate("refunds", payment, "f1", amount=1)
        assert error_of(await rig.admin("POST", f"/payments/{payment}/flip"))[2] == "already_refunded"


@virtually
async def test_a_chargeback_takes_money_back_that_was_refunded_already():
    async with Rig() as rig:
        payment = (await rig.charge()).json()["id"]
        await rig.operate("refunds", payment, "f1", amount=1000)
        answer = await rig.admin("POST", f"/payments/{payment}/chargeback", {"amount": 1000})
        assert answer.status_code == 200
        assert (await rig.moved())[2:] == [("refund", "f1", 1000), ("chargeback", "r1", 1000)]
        assert (await rig.admin("POST", f"/payments/{payment}/chargeback", {"amount": 1001})).status_code == 409
