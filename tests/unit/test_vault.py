"""No way of showing, writing or copying a raw card shows its number or its code."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from pydantic import BaseModel, ConfigDict

from aegispay.vault import InMemoryVault, RawCard, UnknownCardError, Vault

NUMBER = "4242424242424242"
CVC = "987"


def card(**changes):
    return RawCard(**({"number": NUMBER, "expiry_month": 12, "expiry_year": 2031, "cvc": CVC} | changes))


@dataclasses.dataclass
class Holder:
    card: RawCard


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    card: RawCard


SHOWS = {
    "repr": repr,
    "str": str,
    "format": lambda it: f"{it} {it!r}",
    "percent": lambda it: "%s %r" % (it, it),  # noqa: UP031
    "in a list": lambda it: repr([it, {"card": it}]),
    "number": lambda it: f"{it.number} {it.number!r} {it.cvc} {it.cvc!r}",
    "dataclass": lambda it: repr(Holder(it)),
    "asdict": lambda it: repr(dataclasses.asdict(Holder(it))),
    "pydantic repr": lambda it: repr(Model(card=it)),
    "pydantic dump": lambda it: repr(Model(card=it).model_dump()),
    "copy": lambda it: repr(copy.copy(it)),
    "deepcopy": lambda it: repr(copy.deepcopy([it])),
    "without cvc": lambda it: repr(it.without_cvc()),
    "json default": lambda it: json.dumps(it, default=str),
    "attributes": lambda it: repr({name: getattr(it, name) for name in RawCard.__slots__}),
}


@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS)
def test_a_card_is_shown_masked(show):
    shown = show(card())
    assert NUMBER not in shown
    assert CVC not in shown
    assert "***" in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_card_is_never_pickled(protocol):
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(card(), protocol)


def test_a_card_is_no_json():
    with pytest.raises(TypeError) as refused:
        json.dumps(card())
    assert NUMBER not in str(refused.value)


def test_pydantic_writes_no_card():
    with pytest.raises(Exception, match="RawCard") as refused:
        Model(card=card()).model_dump_json()
    assert NUMBER not in str(refused.value)


def test_a_card_has_no_dictionary_of_attributes():
    with pytest.raises(TypeError):
        vars(card())


def test_a_log_line_with_a_card_does_not_show_it(caplog):
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("host").warning("declined %s %r", card(), {"card": card()})
    assert NUMBER not in caplog.text
    assert "RawCard" in caplog.text


def test_a_traceback_with_local_variables_does_not_show_a_card():
    def fails(it):
        raise RuntimeError(f"cannot send {it}")

    with pytest.raises(RuntimeError) as raised:
        fails(card())
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "RawCard" in shown
    assert NUMBER not in shown
    assert CVC not in shown


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "4242424242424241"}, "number"),
        ({"number": "4242"}, "number"),
        ({"number": "42424242424242424242"}, "number"),
        ({"number": "\uff14\uff12" * 8}, "number"),
        ({"number": 4242424242424242}, "number"),
        ({"expiry_month": 13}, "expiry_month"),
        ({"expiry_month": "12"}, "expiry_month"),
        ({"expiry_year": 31}, "expiry_year"),
        ({"cvc": "12"}, "cvc"),
        ({"cvc": "12a"}, "cvc"),
        ({"cvc": 987}, "cvc"),
    ],
)
def test_what_is_no_card_is_refused_without_being_repeated(changes, field):
    with pytest.raises(ValueError, match=f"^{field}: ") as refused:
        card(**changes)
    assert field not in {"number", "cvc"} or str(changes[field]) not in str(refused.value)


def test_a_card_says_what_it_is_to_whoever_asks_for_the_secret():
    it = card(number="4242 4242 4242 4242")
    assert it.number.get_secret_value() == NUMBER
    assert it.cvc.get_secret_value() == CVC
    assert (it.expiry_month, it.expiry_year) == (12, 2031)


def test_after_an_authorization_a_card_can_be_kept_without_its_code():
    assert card().without_cvc().cvc is None
    assert card().without_cvc().number.get_secret_value() == NUMBER


def test_a_stored_card_is_found_by_its_token_only():
    async def scenario():
        vault = InMemoryVault()
        kept = card()
        token = await vault.store(kept)
        assert token.startswith("vault_")
        assert await vault.reveal(token) is kept
        assert await vault.store(kept) != token

    asyncio.run(scenario())


def test_a_token_of_the_vault_is_letters_only_so_that_it_never_looks_like_a_card_number():
    async def scenario():
        vault = InMemoryVault(entropy=lambda count: bytes([0x42] * count))
        assert await vault.store(card()) == "vault_" + "ec" * 16

    asyncio.run(scenario())


def test_an_unknown_token_is_refused_without_repeating_it():
    with pytest.raises(UnknownCardError) as refused:
        asyncio.run(InMemoryVault().reveal("vault_secret"))
    assert "vault_secret" not in str(refused.value)


def test_a_vault_shows_how_many_cards_it_has_and_is_never_pickled():
    vault = InMemoryVault()
    asyncio.run(vault.store(card()))
    assert repr(vault) == "<InMemoryVault 1 cards>"
    assert isinstance(vault, Vault)
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(vault)
