"""The file of gateways: what is wrong in it is named, gateway and setting."""

from __future__ import annotations

import pytest

from aegispay.cli.gateways import make_gateway, read_gateways
from aegispay.cli.rows import UsageError
from aegispay.domain.contract import Fee
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.gateways.ledger import MemoryLedger


def written(tmp_path, text):
    path = tmp_path / "gateways.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_names_make_gateways_that_always_approve():
    entries = read_gateways("alpha, beta")

    assert [(entry.name, entry.success_rate, entry.latency_ms) for entry in entries] == [
        ("alpha", 1.0, (0.0, 0.0)),
        ("beta", 1.0, (0.0, 0.0)),
    ]


def test_every_setting_of_the_file_reaches_the_gateway(tmp_path):
    path = written(
        tmp_path,
        """
        [[gateway]]
        name = "alpha"
        kind = "simulated"
        seed = 4
        success_rate = 0.5
        latency_ms = [100, 200]
        timeout_s = 3
        down_after_calls = 9
        currencies = ["USD", "KWD"]
        methods = ["card"]
        fees = [{ currency = "USD", method = "card", fixed_minor = 30, basis_points = 290 }]
        """,
    )
    ledger = MemoryLedger()

    gateway = make_gateway(read_gateways(path)[0], ledger)

    assert (gateway.name, gateway.success_rate, gateway.latency_s) == ("alpha", 0.5, (0.1, 0.2))
    assert (gateway.down_after_calls, gateway.ledger) == (9, ledger)
    assert gateway._seed == 4
    assert gateway.contract.timeout_s == 3
    assert gateway.contract.currencies == {"USD", "KWD"}
    assert gateway.contract.methods == {PaymentMethodType.CARD}
    assert gateway.contract.fees == (
        Fee(currency="USD", method=PaymentMethodType.CARD, fixed_minor=30, basis_points=290),
    )


@pytest.mark.parametrize("given", ["", "Alpha", "alpha,,beta", "alpha;beta", "../x"])
def test_what_is_no_list_of_names_is_refused(given):
    with pytest.raises(UsageError, match=r"name a \.toml file, or names such as alpha,beta"):
        read_gateways(given)


def test_two_gateways_of_one_name_are_refused():
    with pytest.raises(UsageError, match="'alpha' stands there twice"):
        read_gateways("alpha,beta,alpha")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[gateway", "is not TOML"),
        ("", "gateway: is missing; write one"),
        ("[[gateways]]\nname='a'", "gateway: is missing"),
        ("gateway = []", "gateway: "),
        ("[[gateway]]\nseed = 1", "gateway 1, name: is missing"),
        ("[[gateway]]\nname='a'\n[[gateway]]\nname='b'\ncolour=1", "gateway 2, colour: is not known; there are name"),
        ("[[gateway]]\nname='a'\nkind='stripe'", "gateway 1, kind: "),
        ("[[gateway]]\nname='a'\nsuccess_rate=2", "gateway 1, success_rate: .* less than or equal to 1"),
        ("[[gateway]]\nname='a'\nsuccess_rate=nan", r"gateway\[0\].success_rate: infinity and not-a-number"),
        ("[[gateway]]\nname='a'\nlatency_ms=[5, 1]", "gateway 1, latency_ms: write the shortest first"),
        ("[[gateway]]\nname='a'\nlatency_ms=[0, inf]", r"gateway\[0\].latency_ms\[1\]: infinity"),
        ("[[gateway]]\nname='a'\nlatency_ms=5", "gateway 1, latency_ms"),
        ("[[gateway]]\nname='a'\ntimeout_s=0", "gateway 1, timeout_s"),
        ("[[gateway]]\nname='a'\ntimeout_s=inf", r"gateway\[0\].timeout_s: infinity"),
        ("[[gateway]]\nname='a'\ncurrencies=['USD','XYZ']", "gateway 1, currencies: XYZ is no ISO 4217 code"),
        ("[[gateway]]\nname='a'\nmethods=['cheque']", "gateway 1, methods"),
        ("[[gateway]]\nname='a'\nfees=[{fixed_minor=-1}]", r"gateway 1, fees\[0\].fixed_minor"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        read_gateways(written(tmp_path, text))


def test_a_file_that_is_not_there_or_no_file_says_so(tmp_path):
    (tmp_path / "folder.toml").mkdir()

    with pytest.raises(UsageError, match="No such file"):
        read_gateways(str(tmp_path / "missing.toml"))
    with pytest.raises(UsageError, match="Is a directory"):
        read_gateways(str(tmp_path / "folder.toml"))
