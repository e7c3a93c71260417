"""Where raw card numbers live, if the host has any: outside of AegisPay, revealed only inside an adapter's call."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NoReturn, Protocol, runtime_checkable

from pydantic import SecretStr

from aegispay.errors import RequestError

TOKEN_PREFIX = "vault_"  # noqa: S105 - the beginning of every token, no secret
_TOKEN_BYTES = 16
_MASK = "**********"


class UnknownCardError(RequestError):
    """The vault has no card for the token."""

    hint = "Store the card again and use the new token; a vault may forget cards by design."


class RawCard:
    """A card number with its expiry date and, before authorization, its security code.

    It shows nothing of itself: no text, JSON, pickle or dump of its attributes holds the number or the code.

    Args:
        number: 12 to 19 digits; spaces are dropped.
        expiry_month: 1 to 12.
        expiry_year: four digits.
        cvc: 3 or 4 digits; ``None`` after the first authorization, when nobody may keep it.

    Raises:
        ValueError: naming what is wrong, never the value.
    """

    __slots__ = ("_cvc", "_expiry_month", "_expiry_year", "_number")

    def __init__(self, *, number: str, expiry_month: int, expiry_year: int, cvc: str | None = None) -> None:
        digits = number.replace(" ", "") if isinstance(number, str) else ""
        if not (_is_digits(digits) and 12 <= len(digits) <= 19 and _passes_luhn(digits)):
            raise ValueError("number: use the 12 to 19 digits of a card, of which the last one checks the others")
        if type(expiry_month) is not int or not 1 <= expiry_month <= 12:
            raise ValueError("expiry_month: use a whole number from 1 to 12")
        if type(expiry_year) is not int or not 2000 <= expiry_year <= 2100:
            raise ValueError("expiry_year: use four digits")
        if cvc is not None and not (isinstance(cvc, str) and _is_digits(cvc) and len(cvc) in {3, 4}):
            raise ValueError("cvc: use 3 or 4 digits, or None")
        self._number = SecretStr(digits)
        self._expiry_month = expiry_month
        self._expiry_year = expiry_year
        self._cvc = None if cvc is None else SecretStr(cvc)

    @property
    def number(self) -> SecretStr:
        """The digits, masked until `get_secret_value` is called."""
        return self._number

    @property
    def expiry_month(self) -> int:
        """1 to 12."""
        return self._expiry_month

    @property
    def expiry_year(self) -> int:
        """Four digits."""
        return self._expiry_year

    @property
    def cvc(self) -> SecretStr | None:
        """The security code, masked until `get_secret_value` is called."""
        return self._cvc

    def without_cvc(self) -> RawCard:
        """Return the card as it may be kept after an authorization."""
        return RawCard(
            number=self._number.get_secret_value(), expiry_month=self._expiry_month, expiry_year=self._expiry_year
        )

    def __repr__(self) -> str:
        """Show that it is a card, and nothing else."""
        return f"<RawCard {_MASK}>"

    def __copy__(self) -> RawCard:
        """Return the card itself: there is never a second copy of its number."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> RawCard:
        """Return the card itself, as `__copy__` does."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: always.
        """
        raise TypeError("a RawCard is never serialised; pass its token on instead")


@runtime_checkable
class Vault(Protocol):
    """What an adapter needs of the host's vault to send a raw card to a provider."""

    async def reveal(self, token: str) -> RawCard:
        """Return the card; called inside the gateway call and nowhere else.

        Raises:
            UnknownCardError: there is no such card.
        """
        ...


class InMemoryVault:
    """A vault for tests: cards are gone when the process ends.

    Args:
        entropy: gives so many random bytes; tokens are made of them.
    """

    def __init__(self, *, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._entropy = entropy
        self._cards: dict[str, RawCard] = {}

    def __repr__(self) -> str:
        """Show how many cards it holds."""
        return f"<InMemoryVault {len(self._cards)} cards>"

    async def store(self, card: RawCard) -> str:
        """Keep the card and return its token: letters only, so that it can never be taken for a card number."""
        letters = "".join(chr(ord("a") + half) for byte in self._entropy(_TOKEN_BYTES) for half in divmod(byte, 16))
        token = f"{TOKEN_PREFIX}{letters}"
        self._cards[token] = card
        return token

    async def reveal(self, token: str) -> RawCard:
        """Return the card.

        Raises:
            UnknownCardError: there is no such card.
        """
        try:
            return self._cards[token]
        except KeyError:
            raise UnknownCardError("the vault has no card for this token") from None

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            TypeError: always.
        """
        raise TypeError("a vault is never serialised")


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
