"""The adapter as a gateway: its protocols, its settings, its secrets, and the cards of a vault."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from aegispay.domain.contract import GatewayContract
from aegispay.domain.outcome import InvalidRequest, NotProcessed, Reason
from aegispay.domain.payment_method import Card, NetBanking, PayLater, Upi, Wallet
from aegispay.ports import (
    ActionGateway,
    CapturingGateway,
    Gateway,
    GatewayHealth,
    NotifyingGateway,
    OperatingGateway,
    RefundingGateway,
    VoidingGateway,
)
from aegispay.vault import InMemoryVault, RawCard
from tests.integration.sandbox_gateway.payloads import (
    API_KEY,
    ask,
    charge_request,
    error,
    gateway,
    manual_request,
    payment,
    sent,
)
from tests.unit.gateways.http.provider import always, provider, response

HERE = "http://127.0.0.1:1"
PROTOCOLS = [Gateway, CapturingGateway, VoidingGateway, RefundingGateway, OperatingGateway, NotifyingGateway]
REFUSALS = {
    "url": "url: use http:// or https://, host and port, without user, query or fragment",
    "api_key": "api_key: use printable characters without spaces",
    "region": "region: use printable characters without spaces",
}
NUMBER, CVC = "4242424242424242", "987"


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda each: each.__name__)
def test_it_is_every_kind_of_gateway(protocol):
    assert isinstance(gateway(HERE), protocol)


def test_it_goes_on_by_itself_after_a_challenge():
    assert not isinstance(gateway(HERE), ActionGateway)


def test_the_whole_charge_is_in_the_body():
    _, server = ask("charge", charge_request(), response(payment(), 201))
    line, headers, body = sent(server)
    assert line == "POST /v1/payments HTTP/1.1"
    assert headers["authorization"] == f"Bearer {API_KEY}"
    assert headers["idempotency-key"] == "key-1"
    assert json.loads(body) == {
        "reference": "pay_1-a1",
        "amount": 1_000,
        "currency": "USD",
        "capture": "automatic",
        "partial_allowed": False,
        "payment_method": {"type": "card", "token": "tok_visa"},
        "metadata": {"payment_id": "pay_1"},
    }


def test_where_the_payer_comes_back_to_is_in_the_body():
    request = replace(charge_request(), return_url="https://a.test")
    _, server = ask("charge", request, response(payment(), 201))
    assert json.loads(sent(server)[2])["return_url"] == "https://a.test"


def test_only_an_authorization_may_be_partial():
    _, server = ask("authorize", manual_request(), response(payment("authorized"), 201))
    body = json.loads(sent(server)[2])
    assert (body["capture"], body["partial_allowed"]) == ("manual", True)


@pytest.mark.parametrize(
    ("method", "written"),
    [
        (Upi(vpa="asha@bank"), {"type": "upi", "vpa": "asha@bank"}),
        (NetBanking(bank_code="HDFC"), {"type": "net_banking", "bank_code": "HDFC"}),
        (Wallet(provider="paypal", token="t"), {"type": "wallet", "provider": "paypal", "token": "t"}),
        (PayLater(provider="klarna"), {"type": "pay_later", "provider": "klarna"}),
    ],
)
def test_each_payment_method_is_written_as_the_sandbox_reads_it(method, written):
    _, server = ask("charge", charge_request(method=method), response(payment(), 201))
    assert json.loads(sent(server)[2])["payment_method"] == written


def test_a_look_up_moves_no_money():
    _, server = ask("fetch_payment", charge_request(reference="a b&c"), response({"data": []}))
    line, headers, body = sent(server)
    assert line == "GET /v1/payments?reference=a+b%26c HTTP/1.1"
    assert (body, "idempotency-key" in headers) == (b"", False)


@pytest.mark.parametrize(
    ("said", "is_up"),
    [
        (response({"status": "up"}), True),
        (response({"status": "down"}), False),
        (response({"status": "up"}, 503), False),
        (response(b"up", raw=True), False),
        (b"", False),
    ],
)
def test_the_sandbox_is_up_when_it_says_so(said, is_up):
    health, server = health_of(said)
    assert health.is_up is is_up
    assert sent(server)[0] == "GET /v1/health HTTP/1.1"


KEYS = {"key_covers_failures": True, "key_window_s": 86_400.0}
NO_KEYS = GatewayContract(idempotency_window_s=None)
ONE_MINUTE = GatewayContract(idempotency_window_s=60.0)
NO_FAILURES = GatewayContract(key_covers_failures=False)


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        (None, {}),
        (None, KEYS),
        (None, KEYS | {"key_window_s": 86_401}),
        (ONE_MINUTE, KEYS | {"key_window_s": 60}),
        (NO_FAILURES, KEYS | {"key_covers_failures": False}),
        (NO_KEYS, {"key_covers_failures": False, "key_window_s": 0}),
    ],
)
def test_a_sandbox_that_keeps_what_the_contract_claims_is_up(contract, told, caplog):
    health, _ = health_of(response({"status": "up"} | told), contract=contract)
    assert health == GatewayHealth(is_up=True)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("contract", "told", "claim"),
    [
        (None, {"key_covers_failures": False}, "key_covers_failures=True, the sandbox keeps False"),
        (ONE_MINUTE, {"key_covers_failures": False}, "key_covers_failures=True, the sandbox keeps False"),
        (None, {"key_window_s": 86_399.5}, "idempotency_window_s=86400.0, the sandbox keeps 86399.5"),
        (NO_FAILURES, {"key_window_s": 60}, "idempotency_window_s=86400.0, the sandbox keeps 60"),
        (ONE_MINUTE, {"key_window_s": 0}, "idempotency_window_s=60.0, the sandbox keeps 0"),
        (None, {"key_covers_failures": None}, "key_covers_failures=True, the sandbox keeps something else"),
        (None, {"key_window_s": "86400"}, "idempotency_window_s=86400.0, the sandbox keeps something else"),
        (None, {"key_window_s": True}, "idempotency_window_s=86400.0, the sandbox keeps something else"),
    ],
)
def test_a_sandbox_that_keeps_less_than_the_contract_claims_is_not_up_and_the_log_says_why(
    contract, told, claim, caplog
):
    health, _ = health_of(response({"status": "up"} | KEYS | told), contract=contract)
    assert health == GatewayHealth(is_up=False, message=f"the contract claims {claim}")
    (record,) = caplog.records
    assert (record.levelname, record.name) == ("ERROR", "aegispay.gateways.sandbox")
    message = record.getMessage()
    assert f"gateway=sandbox the contract claims {claim}" in message
    assert "money may move twice" in message


def test_a_sandbox_that_keeps_less_twice_says_both():
    health, _ = health_of(response({"status": "up", "key_covers_failures": False, "key_window_s": 60}))
    assert health.message == (
        "the contract claims key_covers_failures=True, the sandbox keeps False;"
        " the contract claims idempotency_window_s=86400.0, the sandbox keeps 60"
    )


def health_of(said, **changes):
    async def scenario():
        async with provider(always(said)) as server:
            asked = gateway(server.url, **changes)
            health = await asked.health_check()
            await asked.aclose()
            return health, server

    return asyncio.run(scenario())


def test_a_sandbox_that_is_not_there_is_down():
    health = asyncio.run(gateway(HERE).health_check())
    assert health == GatewayHealth(is_up=False, message="no answer: connect")


def test_a_sandbox_that_is_not_there_was_surely_not_asked():
    outcome = asyncio.run(gateway(HERE).charge(charge_request()))
    assert (type(outcome), outcome.reason) == (NotProcessed, Reason.NOT_SENT)


def test_a_gateway_works_again_in_the_next_event_loop_after_it_was_closed():
    served = gateway(HERE)

    async def scenario():
        async with provider(always(response(payment(), 201))) as server:
            served._transport._base_url = server.url
            assert (await served.charge(charge_request())).type == "approved"
            await served.aclose()

    asyncio.run(scenario())
    asyncio.run(scenario())


def test_codes_that_no_row_names_are_counted_and_logged(caplog):
    async def scenario():
        said = [response(error(code), 402) for code in ("new_code", "New_Code", "lost_card", "other")]
        async with provider(always(*said)) as server:
            asked = gateway(server.url)
            for _ in said:
                await asked.charge(charge_request())
            await asked.aclose()
            return asked.unmapped_codes

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(scenario()) == {"new_code": 2, "other": 1}
    assert caplog.text.count("decline code without a row") == 3


def test_codes_are_counted_within_bounds():
    counted = gateway(HERE)
    for number in range(500):
        counted._reader.decline("charge", f"code_{number}", "", None)
    assert len(counted.unmapped_codes) == 100


# --- settings ---------------------------------------------------------------------------------------


def test_the_timeout_is_declared_in_the_contract():
    assert gateway(HERE, timeout_s=3.0).contract.timeout_s == 3.0
    declared = GatewayContract(timeout_s=9.0, void=False)
    assert gateway(HERE, contract=declared).contract is declared
    changed = gateway(HERE, contract=declared, timeout_s=3.0).contract
    assert (changed.timeout_s, changed.void) == (3.0, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "127.0.0.1:8901"}, "url"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://user:pass@127.0.0.1"}, "url"),
        ({"url": "http://127.0.0.1:99999"}, "url"),
        ({"url": "http://127.0.0.1?key=1"}, "url"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "sk\r\nx-evil: 1"}, "api_key"),
        ({"region": "eu us"}, "region"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_repeating_them(changes, field):
    with pytest.raises(ValueError, match=f"^{field}: ") as refused:
        gateway(**({"url": HERE} | changes))
    assert str(refused.value) == REFUSALS[field]


@pytest.mark.parametrize("package", ["httpx", "standardwebhooks"])
def test_without_a_package_of_the_extra_the_error_says_what_to_install(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from aegispay.gateways.sandbox import SandboxGateway\n"
        "SandboxGateway('s', url='http://127.0.0.1:1', api_key='k', webhook_secret='whsec_AAAAAAAAAAAAAAAAAAAAAAAA')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"ImportError: SandboxGateway needs {package}: pip install 'aegispay[sandbox]'" in done.stderr


# --- secrets (G7) -----------------------------------------------------------------------------------


def test_g7_a_gateway_shows_name_and_address_and_no_secret():
    made = gateway(HERE, webhook_secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0")
    assert repr(made) == f"<SandboxGateway sandbox {HERE}>"
    shown = f"{made} {vars(made)} {vars(made._transport)} {vars(made._webhooks)}"
    assert "topsecret" not in shown
    assert "c2VjcmV0" not in shown


def test_g7_a_gateway_is_never_pickled():
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(gateway(HERE))


def test_g7_the_key_stands_in_no_log_whatever_the_level(caplog):
    with caplog.at_level(logging.DEBUG):
        ask("charge", charge_request(), response(payment(), 201))
    assert "send_request_headers" in caplog.text
    assert "topsecret" not in caplog.text


# --- cards of a vault -------------------------------------------------------------------------------


def vault_with_card():
    vault = InMemoryVault()
    card = RawCard(number=NUMBER, expiry_month=12, expiry_year=2031, cvc=CVC)
    return vault, Card(token=asyncio.run(vault.store(card)))


def test_the_card_behind_a_token_of_the_vault_is_sent_and_the_token_is_not():
    vault, method = vault_with_card()
    _, server = ask("charge", charge_request(method=method), response(payment(), 201), vault=vault)
    assert json.loads(sent(server)[2])["payment_method"] == {
        "type": "card",
        "number": NUMBER,
        "cvc": CVC,
        "expiry_month": 12,
        "expiry_year": 2031,
    }


def test_any_other_token_is_sent_as_it_is():
    vault, _ = vault_with_card()
    _, server = ask("charge", charge_request(), response(payment(), 201), vault=vault)
    assert json.loads(sent(server)[2])["payment_method"] == {"type": "card", "token": "tok_visa"}


def test_p8_a_card_stands_in_no_log_and_no_outcome_however_the_call_ends(caplog):
    vault, method = vault_with_card()
    echo = error("do_not_honor", message=f"card {NUMBER} refused")
    for said in (response(payment(), 201), response(echo, 402), response(NUMBER, 500), b"", b"HTTP/1.1 200"):
        with caplog.at_level(logging.DEBUG):
            answer, _ = ask("charge", charge_request(method=method, timeout_s=0.2), said, vault=vault)
        assert NUMBER not in repr(answer)
    assert caplog.text
    assert NUMBER not in caplog.text


def test_a_token_that_the_vault_does_not_know_is_refused_before_anything_is_sent():
    method = Card(token="vault_gone")
    answer, server = ask("charge", charge_request(method=method), b"", vault=InMemoryVault())
    assert (type(answer), answer.reason, answer.code) == (InvalidRequest, Reason.INVALID_METHOD, "unknown_card")
    assert server.requests == []


class BrokenVault:
    async def reveal(self, token):
        raise RuntimeError(f"cannot decrypt {NUMBER}")


class SlowVault:
    async def reveal(self, token):
        await asyncio.Event().wait()


@pytest.mark.parametrize("vault", [BrokenVault(), SlowVault()], ids=["raises", "hangs"])
def test_a_vault_that_fails_leaves_the_charge_surely_unsent_and_its_words_unrepeated(vault, caplog):
    method = Card(token="vault_any")
    answer, server = ask("charge", charge_request(method=method, timeout_s=0.2), b"", vault=vault)
    assert (type(answer), answer.reason, answer.code) == (NotProcessed, Reason.NOT_SENT, "vault")
    assert server.requests == []
    assert NUMBER not in caplog.text + repr(answer)
