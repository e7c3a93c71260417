"""A payment's full history for a dispute: complete, readable, and to be checked by anybody with SHA-256."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import re
from pathlib import Path

import jsonschema
import pytest

from aegispay import AegisPay, BlockingAegisPay, SimulatedGateway, SqliteStore
from aegispay.domain.outcome import OutcomeUnknown, Reason
from aegispay.errors import EngineClosedError, PaymentNotFoundError
from aegispay.export_format import json_schema
from aegispay.hooks import Block
from aegispay.ports import NotFound
from tests.integration.engine.rig import Adapter, World, order, virtual

DOCS = Path(__file__).parents[3] / "docs"
CUSTOMER = {
    "id": "cust-9",
    "name": "Ada Byron",
    "email": "ada@example.org",
    "phone": "+44 20 7946 0000",
    "billing_address": {"line1": "12 St James's Square", "city": "London", "country": "GB"},
}
PERSONAL = {"customer": CUSTOMER, "metadata": {"gift for": "Charles B."}, "return_url": "https://shop.example/ada"}
TRACES = ("Ada", "ada@", "7946", "James", "London", "Charles", "shop.example")


def on_a_real_loop(test):
    """Run an async test whose store works on threads of its own."""

    @functools.wraps(test)
    def run(tmp_path):
        asyncio.run(test(tmp_path))

    return run


def broken_links(document):
    """Return the events whose hash is not what anybody computes; the recipe of docs/audit.md and nothing of ours."""
    broken = []
    for event in document["events"]:
        fields = ("position", "version", "type", "schema_version", "recorded_at_us")
        position, version, kind, schema_version, at_us = (event[name] for name in fields)
        head = f"{position}|{document['payment']['id']}|{version}|{kind}|{schema_version}|{at_us}|"
        link = bytes.fromhex(event["previous_hash"]) + head.encode() + event["data"].encode()
        if hashlib.sha256(link).hexdigest() != event["hash"]:
            broken.append(position)
    return broken


def run_recipe(recipe, document):
    Path("dispute.json").write_text(json.dumps(document), encoding="utf-8")
    exec(recipe, {})


def test_the_published_schema_is_the_one_of_the_code():
    published = json.loads((DOCS / "payment-history.schema.json").read_text(encoding="utf-8"))

    assert published == json_schema()


@virtual
async def test_an_export_has_the_published_form_and_every_link_can_be_checked():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        payment = await aegis.pay(**order(customer={"id": "cust-9"}))
        await aegis.refund_payment(payment.id, idempotency_key="refund-1", amount="30.00")
        document = await aegis.export_payment(payment.id)

    jsonschema.validate(document, json_schema())
    assert json.loads(json.dumps(document)) == document
    assert [event["type"] for event in document["events"]] == await world.types(payment.id)
    assert broken_links(document) == []
    tampered = json.loads(json.dumps(document).replace("10000", "90000"))
    assert broken_links(tampered) != []


@virtual
async def test_the_recipe_in_the_docs_accepts_an_export_and_refuses_a_tampered_one(tmp_path, monkeypatch):
    (recipe,) = re.findall(r"```python\n(import hashlib.*?)```", (DOCS / "audit.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    async with World("alpha").engine() as aegis:
        payment = await aegis.pay(**order(customer={"id": "cust-9"}))
        document = await aegis.export_payment(payment.id)

    run_recipe(recipe, document)
    document["events"][2]["data"] = document["events"][2]["data"].replace("alpha", "gamma")
    with pytest.raises(AssertionError, match="3"):
        run_recipe(recipe, document)


@virtual
async def test_an_export_says_which_gateways_were_tried_under_which_keys_why_and_what_they_said():
    world = World("alpha", "beta")
    world["alpha"].is_up = False
    async with world.engine() as aegis:
        payment = await aegis.pay(**order())
        refund = await aegis.refund_payment(payment.id, idempotency_key="refund-1", amount="30.00")
        document = await aegis.export_payment(payment.id)

    first, second = document["attempts"]
    assert (first["gateway"], first["status"], first["failure"]["reason"]) == ("alpha", "failed", "not_sent")
    assert (second["gateway"], second["status"]) == ("beta", "approved")
    assert second["reference"] == payment.attempts[1].reference
    assert second["idempotency_key"] == payment.attempts[1].idempotency_key
    assert second["decision"][0] == "beta by highest success rate"
    (operation,) = document["operations"]
    assert (operation["kind"], operation["key"], operation["amount_minor"]) == ("refund", "refund-1", 3_000)
    assert operation["reference"] == refund.operations[0].reference
    assert document["payment"]["state"] == "partially_refunded"
    assert document["payment"]["refunded_minor"] == 3_000
    assert [(each["version"], each["by"]) for each in document["decisions"]] == [
        (1, "merchant"),
        (3, "engine"),
        (5, "engine"),
        (7, "merchant"),
    ]


@virtual
async def test_an_operators_verdict_is_in_the_export_with_name_and_evidence():
    adapter = Adapter(OutcomeUnknown(reason=Reason.TIMEOUT), lookup=NotFound(), name="odd")
    world = World("alpha")
    async with world.engine(adapter) as aegis:
        payment = await aegis.pay(**order(gateway="odd"))
        assert payment.in_doubt
        await aegis.resolve_payment(
            payment.id, "executed", evidence="statement of 1 March", operator="ann", gateway_reference="odd-77"
        )
        document = await aegis.export_payment(payment.id, personal=True)
        without = await aegis.export_payment(payment.id)

    # Whoever writes a word may write a name: without personal data it is said who gave the verdict, not why.
    (evidence,) = without["attempts"][0]["evidence"]
    assert (evidence["evidence"], evidence["detail"]) == ("operator", "ann")
    (evidence,) = document["attempts"][0]["evidence"]
    assert (evidence["evidence"], evidence["detail"]) == ("operator", "ann: statement of 1 March")
    last = document["decisions"][-1]
    assert last["by"] == "operator ann"
    assert last["sentences"] == ["attempt 1 at odd is known now: an operator said so (ann: statement of 1 March)"]


@on_a_real_loop
async def test_personal_data_is_in_an_export_only_when_it_is_asked_for(tmp_path):
    async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = await aegis.pay(**order(**PERSONAL))
        without = await aegis.export_payment(payment.id)
        whole = await aegis.export_payment(payment.id, personal=True)

    text = json.dumps(without)
    assert [trace for trace in TRACES if trace in text] == []
    assert without["personal"] is None
    assert without["payment"]["customer_id"] == "cust-9"
    # Sealed is how it is kept, so that the links can be checked all the same.
    assert [event["withheld"] for event in without["events"]] == [""] * 4
    assert broken_links(without) == []
    assert whole["personal"]["customer"]["email"] == "ada@example.org"
    assert whole["personal"]["customer"]["billing_address"]["line1"] == "12 St James's Square"
    assert whole["personal"]["metadata"] == {"gift for": "Charles B."}
    assert whole["personal"]["return_url"] == "https://shop.example/ada"
    assert broken_links(whole) == []
    jsonschema.validate(whole, json_schema())


@on_a_real_loop
async def test_an_event_in_which_personal_data_stands_in_the_open_is_withheld_unless_asked_for(tmp_path):
    async with AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = await aegis.pay(**order(metadata=PERSONAL["metadata"], return_url=PERSONAL["return_url"]))
        without = await aegis.export_payment(payment.id)
        whole = await aegis.export_payment(payment.id, personal=True)

    text = json.dumps(without)
    assert [trace for trace in TRACES if trace in text] == []
    first, *others = without["events"]
    assert (first["data"], first["withheld"]) == (None, "personal data stands in it in the open")
    assert all(event["data"] for event in others)
    assert broken_links({**without, "events": others}) == []
    assert broken_links(whole) == []
    jsonschema.validate(without, json_schema())


@on_a_real_loop
async def test_a_hooks_words_about_the_payer_are_personal_also_in_the_story(tmp_path):
    engine = AegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")])
    engine.hooks.fraud_check(name="list", on_failure="closed")(lambda _context: Block("Ada B. is on a list", 0.9))
    async with engine as aegis:
        payment = await aegis.pay(**order(**PERSONAL))
        without = await aegis.export_payment(payment.id)
        whole = await aegis.export_payment(payment.id, personal=True)

    text = json.dumps(without)
    assert [trace for trace in TRACES if trace in text] == []
    assert any(each["by"] == "hook list" and "block" in each["sentences"][0] for each in without["decisions"])
    assert without["payment"]["failure"]["reason"] == "risk_refused"
    assert any("Ada B. is on a list" in each["sentences"] for each in whole["decisions"])
    assert broken_links(without) == broken_links(whole) == []


@on_a_real_loop
async def test_of_an_erased_customer_nothing_is_left_to_export(tmp_path):
    store = SqliteStore(tmp_path / "payments.db")
    async with AegisPay(store, gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = await aegis.pay(**order(**PERSONAL))
        await store.erase_customer("cust-9", merchant="default", operator="ann", reason="asked for it")
        document = await aegis.export_payment(payment.id, personal=True)

    text = json.dumps(document)
    assert [trace for trace in TRACES if trace in text] == []
    assert document["personal"]["customer"]["id"] == "cust-9"
    assert broken_links(document) == []


@pytest.mark.parametrize("payment_id", ["pay_00000000000000000000000001", "nonsense", "", 5, None])
def test_a_payment_that_does_not_exist_cannot_be_exported(payment_id):
    @virtual
    async def run():
        async with World("alpha").engine() as aegis:
            with pytest.raises(PaymentNotFoundError, match="there is no payment"):
                await aegis.export_payment(payment_id)

    run()


def test_the_blocking_engine_exports_and_counts_the_same(tmp_path):
    with BlockingAegisPay(tmp_path / "payments.db", gateways=[SimulatedGateway("alpha")]) as aegis:
        payment = aegis.pay(**order())
        document = aegis.export_payment(payment.id)
        (row,) = aegis.statistics("gateway")

    assert document["payment"]["id"] == payment.id
    assert broken_links(document) == []
    assert (row.group["gateway"], row.payments, row.captured_minor) == ("alpha", 1, 10_000)
    with pytest.raises(EngineClosedError):
        aegis.statistics()
