"""A request as it arrived: whose it is, what it asks, under which key."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aegispay.domain.card_data import contains_card_number
from aegispay.sandbox.bodies import Body, CaptureBody, ChargeBody, RefundBody, VoidBody, parse, read_json
from aegispay.sandbox.books import Scope
from aegispay.sandbox.faults import Call, Fault
from aegispay.sandbox.refusals import RefusalError, bad_api_key, invalid

REGIONS = ("eu", "us")
_API_KEY = re.compile(r"Bearer (sk_sandbox_[\x21-\x7e]{1,200})")
_KEY = re.compile(r"[\x20-\x7e]{1,255}")

BODIES: dict[Call, type[Body]] = {
    Call.CHARGE: ChargeBody,
    Call.CAPTURE: CaptureBody,
    Call.VOID: VoidBody,
    Call.REFUND: RefundBody,
}

_B = TypeVar("_B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and how.

    Attributes:
        account: a hash of the API key.
        region: as the header says, or nothing.
        ordered: the fault that the request orders for itself.
    """

    account: str
    region: str | None
    ordered: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A request that moves money.

    Attributes:
        payment_id: of an operation on a payment; empty for a charge.
        digest: a keyed hash of the body; the same for bodies that say the same.
    """

    call: Call
    caller: Caller
    path: str
    key: str
    payment_id: str
    body: Body
    digest: str

    @property
    def reference(self) -> str:
        """The caller's name for what it asks."""
        return str(getattr(self.body, "reference", ""))

    def scope(self, region: str) -> Scope:
        """Return where its idempotency key is kept."""
        return Scope(account=self.caller.account, region=region, key=self.key)

    def content(self, model: type[_B]) -> _B:
        """Return the body, known to be of that kind."""
        assert isinstance(self.body, model)
        return self.body


def read_caller(headers: Mapping[str, str]) -> Caller:
    """Return who asks.

    Raises:
        RefusalError: the API key, the region or the ordered fault is none.
    """
    api_key = _API_KEY.fullmatch(headers.get("authorization", ""))
    if api_key is None:
        raise bad_api_key()
    region = headers.get("sandbox-region")
    if region is not None and region not in REGIONS:
        raise invalid("Sandbox-Region", f"use one of {', '.join(REGIONS)}")
    account = hashlib.sha256(api_key[1].encode()).hexdigest()[:16]
    return Caller(account=account, region=region, ordered=_ordered(headers.get("sandbox-fault")))


def read_mutation(
    call: Call, path: str, *, payment_id: str, headers: Mapping[str, str], raw: bytes, secret: bytes
) -> Mutation:
    """Return what is asked.

    Raises:
        RefusalError: something about it is wrong.
    """
    caller = read_caller(headers)
    key = _read_key(headers.get("idempotency-key"))
    content = read_json(raw)
    return Mutation(
        call=call,
        caller=caller,
        path=path,
        key=key,
        payment_id=payment_id,
        body=parse(BODIES[call], content),
        digest=_digest(secret, content),
    )


def _read_key(key: str | None) -> str:
    if key is None or not _KEY.fullmatch(key):
        raise RefusalError(
            400, "invalid_request", "idempotency_key", "Idempotency-Key: 1 to 255 printable ASCII characters",
            field="Idempotency-Key",
        )  # fmt: skip
    if contains_card_number(key):
        raise invalid("Idempotency-Key", "looks like a card number")
    return key


def _ordered(name: str | None) -> Fault | None:
    try:
        return None if name is None else Fault(name)
    except ValueError:
        raise invalid("Sandbox-Fault", "no such fault") from None


def _digest(secret: bytes, content: Any) -> str:
    # Keyed, because the body may hold a card number, and a plain hash of one is soon reversed.
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(secret, canonical.encode(), hashlib.sha256).hexdigest()
