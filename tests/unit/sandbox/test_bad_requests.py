"""What is refused, by name, and without repeating it."""

import json

import httpx
import pytest

from tests.unit.sandbox.rig import VISA, Rig, virtually

BODY = {"reference": "r1", "amount": 1000, "currency": "USD", "payment_method": VISA}
PAN = "4242424242424242"


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer sk_live_1", "Basic sk_sandbox_1", "Bearer sk_sandbox_"]
)
@virtually
async def test_without_an_api_key_of_the_sandbox_nothing_is_answered(authorization):
    async with Rig() as rig:
        for answer in (
            await rig.post("/v1/payments", BODY, key="k", authorization=authorization),
            await rig.client.get("/v1/payments?reference=r1", headers={"authorization": authorization}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("key", [None, "", "k" * 256, "\u00e4", PAN])
@virtually
async def test_a_mutation_needs_a_sound_idempotency_key(key):
    async with Rig() as rig:
        headers = {} if key is None else {"idempotency-key": key.encode("latin-1")}
        answer = await rig.client.post("/v1/payments", json=BODY, headers=headers)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "Idempotency-Key")
        assert PAN not in answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "1000"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 10**12 + 1}, "amount"),
        ({"currency": "XXY"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"reference": ""}, "reference"),
        ({"reference": "r" * 256}, "reference"),
        ({"reference": PAN}, "reference"),
        ({"capture": "later"}, "capture"),
        ({"payment_method": {"type": "cash"}}, "payment_method.type"),
        ({"payment_method": {"type": "card", "token": PAN}}, "payment_method.token"),
        ({"payment_method": None}, "payment_method"),
        ({"metadata": {"card": PAN}}, "metadata.card"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"surprise": 1}, "surprise"),
    ],
)
@virtually
async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(change, field):
    async with Rig() as rig:
        answer = await rig.post("/v1/payments", {**BODY, **change}, key="k")
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request")
        assert answer.json()["error"]["field"] == field
        assert PAN not in answer.text
        assert await rig.moved() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 50_000, b"\xff\xfe", b"null", b"[]", b'{"a": NaN}'])
@virtually
async def test_a_body_that_is_no_object_is_refused(body):
    async with Rig() as rig:
        answer = await rig.client.post("/v1/payments", content=body, headers={"idempotency-key": "k"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request")


@virtually
async def test_a_body_is_read_only_so_far():
    async with Rig() as rig:
        for path in ("/v1/payments", "/admin/plan", "/challenge/sp_1"):
            answer = await rig.client.post(path, content=b" " * 70_000, headers={"idempotency-key": "k"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@virtually
async def test_an_unknown_payment_is_not_found_and_the_key_stays_free():
    async with Rig() as rig:
        assert (await rig.operate("voids", "sp_none", "v1")).status_code == 404
        assert (await rig.get("/v1/payments/sp_none")).status_code == 404
        payment = await rig.authorize()
        assert (await rig.post(f"/v1/payments/{payment}/voids", {"reference": "v1"}, key="key-v1")).status_code == 201


@pytest.mark.parametrize("reference", ["", "r" * 256, PAN, "\x00"])
@virtually
async def test_a_look_up_needs_a_sound_reference(reference):
    async with Rig() as rig:
        for path in ("/v1/payments", "/v1/operations"):
            answer = await rig.get(path, reference=reference)
            assert answer.status_code == 400
            assert PAN not in answer.text


@virtually
async def test_a_region_that_does_not_exist_is_refused():
    async with Rig() as rig:
        assert (await rig.post("/v1/payments", BODY, key="k", sandbox_region="mars")).status_code == 400


@virtually
async def test_web_pages_cannot_use_the_operators_endpoints():
    async with Rig() as rig:
        headers = {"origin": "http://evil.example"}
        for method, path in (("POST", "/admin/faults"), ("DELETE", "/admin/faults"), ("GET", "/admin/ledger")):
            answer = await rig.client.request(method, path, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@virtually
async def test_health_needs_no_key_and_tells_what_a_key_protects():
    usual = {"status": "up", "key_covers_failures": True, "key_window_s": 86_400.0}
    told = {"status": "up", "key_covers_failures": False, "key_window_s": 60.0}
    for settings, expected in (({}, usual), ({"keeps_failures": False, "key_window_s": 60.0}, told)):
        async with Rig(**settings) as rig:
            answer = await rig.client.get("/v1/health", headers={"authorization": ""})
            assert (answer.status_code, answer.json()) == (200, expected)


@virtually
async def test_a_card_number_and_its_code_are_nowhere_in_the_file(tmp_path):
    ledger = tmp_path / "ledger.db"
    method = {"type": "card", "number": PAN, "cvc": "987", "expiry_month": 1, "expiry_year": 2030}
    async with Rig(ledger=str(ledger)) as rig:
        await rig.subscribe()
        first = await rig.charge("r1", payment_method=method)
        second = await rig.charge("r2", payment_method=method)
        shown = [answer.json()["payment_method"] for answer in (first, second)]
        assert shown[0] == shown[1]
        assert (shown[0]["brand"], shown[0]["last4"]) == ("visa", "4242")
        assert shown[0]["fingerprint"]
        await rig.post("/v1/payments", {**BODY, "reference": PAN}, key="k")
        await rig.operate("voids", PAN, "v1")
        said = json.dumps([await rig.wire(), (await rig.find("r1")), [event for _, event in rig.received]])
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PAN not in said
    assert PAN.encode() not in written
    assert b'"987"' not in written


@virtually
async def test_other_machines_cannot_use_the_operators_endpoints():
    async with Rig() as rig:
        transport = httpx.ASGITransport(app=rig.sandbox.app, client=("203.0.113.7", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as far:
            assert (await far.get("/admin/ledger")).status_code == 403
            assert (await far.post("/admin/plan", json={})).status_code == 403
