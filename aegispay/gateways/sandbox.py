"""The adapter to `aegispay sandbox`, and a model for adapters to providers over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from aegispay.clock import SystemClock
from aegispay.domain.contract import GatewayContract
from aegispay.domain.notification import Notification
from aegispay.domain.outcome import InvalidRequest, NotProcessed, Outcome, Reason
from aegispay.domain.payment_method import Card
from aegispay.errors import RefusedWebhook, WebhookRefusedError
from aegispay.gateways.http.answer import HttpAnswer, HttpCall, NoAnswer
from aegispay.gateways.http.body import text_at
from aegispay.gateways.http.classification import GatewayOperation
from aegispay.gateways.sandbox_bodies import operation_body, payment_body
from aegispay.gateways.sandbox_claims import excessive_claims
from aegispay.gateways.sandbox_reading import SandboxReader
from aegispay.ports import ChargeRequest, Clock, GatewayHealth, NotFound, OperationRequest
from aegispay.vault import TOKEN_PREFIX, RawCard, UnknownCardError, Vault

if TYPE_CHECKING:
    from aegispay.gateways.http.transport import HttpTransport
    from aegispay.gateways.sandbox_webhooks import SandboxWebhooks

_LOG = logging.getLogger("aegispay.gateways.sandbox")
_HEALTH_TIMEOUT_S = 5.0
_VAULT_SHARE = 1 / 3
"""The vault must fail well before the call does: only then is it known that nothing was sent."""
_SPARE_CONNECTIONS = 16
"""Beyond the contract's calls: health checks, and calls that are being given up."""
_DEFAULT_CONTRACT = GatewayContract(partial_authorization=True, visibility_delay_s=5.0)
"""What the sandbox keeps to when it is not told to misbehave."""


class SandboxGateway:
    """A gateway to the provider simulator that `aegispay sandbox` starts.

    Needs the packages of ``pip install 'aegispay[sandbox]'``.

    Args:
        name: unique among the engine's gateways.
        url: where the sandbox listens, for example ``http://127.0.0.1:8901``.
        api_key: ``sk_sandbox_`` and anything; never shown.
        vault: reveals the cards behind tokens that begin with ``vault_``.
        region: where the sandbox keeps this gateway's idempotency keys; never change it while payments are open.
        contract: what to declare; by default what the sandbox keeps to.
        webhook_secret: ``whsec_…``, as registered at the sandbox; without it every webhook is refused.
        timeout_s: how long one call may take, in seconds; by default as the contract says.
        clock: what the age of webhooks is judged by.

    Raises:
        ImportError: a package of the extra is missing.
        ValueError: the address, region, key or secret cannot be one; no secret is repeated.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        api_key: str,
        vault: Vault | None = None,
        region: str = "eu",
        contract: GatewayContract | None = None,
        webhook_secret: str | None = None,
        timeout_s: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._name = name
        self._url = _address(url)
        self._api_key = SecretStr(_header("api_key", api_key))
        self._region = _header("region", region)
        self._vault = vault
        declared = contract if contract is not None else _DEFAULT_CONTRACT
        self._contract = declared if timeout_s is None else replace(declared, timeout_s=timeout_s)
        self._reader = SandboxReader(name)
        self._transport = _transport(self._url, self._contract.concurrency_max + _SPARE_CONNECTIONS)
        self._webhooks = None if webhook_secret is None else _webhooks(webhook_secret, clock or SystemClock())

    def __repr__(self) -> str:
        """Show name and address, never a secret."""
        return f"<SandboxGateway {self._name} {self._url}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled: it holds secrets.

        Raises:
            TypeError: always.
        """
        raise TypeError("a SandboxGateway is never serialised; make another one")

    @property
    def name(self) -> str:
        """Unique name."""
        return self._name

    @property
    def contract(self) -> GatewayContract:
        """What this gateway declares."""
        return self._contract

    @property
    def unmapped_codes(self) -> Counter[str]:
        """How often each decline code came that the table does not name."""
        return Counter(self._reader.unmapped_codes)

    async def charge(self, request: ChargeRequest) -> Outcome:
        """Authorize and capture the amount."""
        return await self._pay(request)

    async def authorize(self, request: ChargeRequest) -> Outcome:
        """Reserve the amount, or less of it."""
        return await self._pay(request)

    async def capture(self, request: OperationRequest) -> Outcome:
        """Collect `request.money` of an authorization."""
        return await self._operate("captures", request)

    async def void(self, request: OperationRequest) -> Outcome:
        """Release what is left of an authorization."""
        return await self._operate("voids", request)

    async def refund(self, request: OperationRequest) -> Outcome:
        """Return `request.money` of what was captured."""
        return await self._operate("refunds", request)

    async def fetch_payment(self, request: ChargeRequest) -> Outcome | NotFound:
        """Say what the sandbox has under the request's reference."""
        return self._reader.found_payment(request, await self._find("payments", request))

    async def fetch_operation(self, request: OperationRequest) -> Outcome | NotFound:
        """Say what the sandbox has under the operation's reference."""
        return self._reader.found_operation(request, await self._find("operations", request))

    async def health_check(self) -> GatewayHealth:
        """Say whether the sandbox answers, and keeps what the contract claims of its idempotency keys."""
        timeout_s = min(_HEALTH_TIMEOUT_S, self._contract.timeout_s)
        answer = await self._transport.send(HttpCall(method="GET", path="/v1/health", timeout_s=timeout_s))
        if isinstance(answer, NoAnswer):
            return GatewayHealth(is_up=False, message=f"no answer: {answer.phase}")
        if answer.status != 200 or text_at(answer.body, "status") != "up":
            return GatewayHealth(is_up=False, message=f"status {answer.status}")
        if claims := excessive_claims(self._contract, answer.body):
            message = f"the contract claims {'; the contract claims '.join(claims)}"
            _LOG.error("gateway=%s %s: money may move twice; declare what the sandbox keeps", self._name, message)
            return GatewayHealth(is_up=False, message=message)
        return GatewayHealth(is_up=True)

    async def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notification]:
        """Verify the signature over the raw bytes, and say what they mean.

        Raises:
            WebhookRefusedError: it is not genuine, too old, or cannot be read.
        """
        if self._webhooks is None:
            raise WebhookRefusedError("no webhook_secret is set", reason=RefusedWebhook.SIGNATURE)
        self._webhooks.verify(headers, body)
        return self._webhooks.notifications(body, partial(self._reader.decline, GatewayOperation.CHARGE))

    async def aclose(self) -> None:
        """Close the running loop's connections. Idempotent; the next call opens new ones."""
        await self._transport.aclose()

    async def _pay(self, request: ChargeRequest) -> Outcome:
        card = await self._reveal(request)
        if isinstance(card, NotProcessed | InvalidRequest):
            return card
        content = payment_body(request, card, may_be_partial=self._contract.partial_authorization)
        return self._reader.payment(request, await self._post("/v1/payments", content, request))

    async def _operate(self, collection: str, request: OperationRequest) -> Outcome:
        path = f"/v1/payments/{quote(request.gateway_reference, safe='')}/{collection}"
        return self._reader.operation(request, await self._post(path, operation_body(request), request))

    async def _post(
        self, path: str, content: bytes, request: ChargeRequest | OperationRequest
    ) -> HttpAnswer | NoAnswer:
        headers = self._headers() | {
            "content-type": "application/json",
            "idempotency-key": request.idempotency_key,
        }
        return await self._transport.send(
            HttpCall(method="POST", path=path, headers=headers, content=content, timeout_s=request.timeout_s)
        )

    async def _find(self, collection: str, request: ChargeRequest | OperationRequest) -> HttpAnswer | NoAnswer:
        return await self._transport.send(
            HttpCall(
                method="GET",
                path=f"/v1/{collection}",
                query={"reference": request.reference},
                headers=self._headers(),
                timeout_s=request.timeout_s,
            )
        )

    def _headers(self) -> dict[str, str]:
        # The region is pinned: a provider keeps its keys by region, and the same key elsewhere charges again.
        return {"authorization": f"Bearer {self._api_key.get_secret_value()}", "sandbox-region": self._region}

    async def _reveal(self, request: ChargeRequest) -> RawCard | NotProcessed | InvalidRequest | None:
        method = request.payment_method
        if self._vault is None or not isinstance(method, Card) or not method.token.startswith(TOKEN_PREFIX):
            return None
        try:
            async with asyncio.timeout(request.timeout_s * _VAULT_SHARE):
                return await self._vault.reveal(method.token)
        except UnknownCardError:
            return InvalidRequest(
                reason=Reason.INVALID_METHOD, code="unknown_card", message="the vault has no such card"
            )
        except Exception as error:  # noqa: BLE001 - nothing was sent, however the vault failed; its text may hold the card
            _LOG.warning("vault failed: gateway=%s error=%s", self._name, type(error).__name__)
            return NotProcessed(reason=Reason.NOT_SENT, code="vault", message="the vault did not give the card")


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url: use http:// or https://, host and port, without user, query or fragment")
    return url.rstrip("/")


def _header(field: str, value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{field}: use printable characters without spaces")
    return value


def _transport(url: str, connections_max: int) -> HttpTransport:
    try:
        from aegispay.gateways.http.transport import HttpTransport  # noqa: PLC0415 - an extra's package
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return HttpTransport(url, connections_max=connections_max)


def _webhooks(secret: str, clock: Clock) -> SandboxWebhooks:
    try:
        from aegispay.gateways.sandbox_webhooks import SandboxWebhooks  # noqa: PLC0415 - an extra's package
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return SandboxWebhooks(secret, clock)


def _missing(error: ModuleNotFoundError) -> ImportError:
    return ImportError(f"SandboxGateway needs {error.name}: pip install 'aegispay[sandbox]'", name=error.name)
