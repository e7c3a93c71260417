"""Gateways from a file, or from a list of names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from aegispay.cli.rows import UsageError
from aegispay.data_files import read_data_file
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.money import currencies
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.domain.setting_tree import is_secret, names_at
from aegispay.domain.settings_errors import field_errors, path
from aegispay.errors import ConfigurationError, FieldError
from aegispay.gateways.ledger import Ledger
from aegispay.gateways.sandbox import SandboxGateway
from aegispay.gateways.simulated import SimulatedGateway
from aegispay.ports import Gateway

_Milliseconds = Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
_Timeout = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_FILES = (".toml", ".yaml", ".yml", ".json")
_VARIABLE = "env:"
_KIND_MAX = 40


class _FeeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    currency: str | None = None
    method: PaymentMethodType | None = None
    fixed_minor: Annotated[int, Field(ge=0)] = 0
    basis_points: Annotated[int, Field(ge=0, le=10_000)] = 0


class SimulatedEntry(BaseModel):
    """A gateway of kind ``simulated``; docs/simulated-gateway.md says what each setting does."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    kind: Literal["simulated"] = "simulated"
    seed: int = 0
    success_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    latency_ms: tuple[_Milliseconds, _Milliseconds] = (0.0, 0.0)
    timeout_s: _Timeout = 30.0
    down_after_calls: Annotated[int, Field(ge=0)] | None = None
    currencies: frozenset[str] | None = None
    methods: frozenset[PaymentMethodType] = frozenset(PaymentMethodType)
    fees: tuple[_FeeEntry, ...] = ()

    @pydantic.field_validator("latency_ms")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("write the shortest first, then the longest")
        return value

    @pydantic.field_validator("currencies")
    @classmethod
    def _known(cls, value: frozenset[str] | None) -> frozenset[str] | None:
        unknown = sorted(value - set(currencies())) if value is not None else []
        if unknown:
            raise ValueError(f"{unknown[0]} is no ISO 4217 code")
        return value


class SandboxEntry(BaseModel):
    """A gateway of kind ``sandbox``; docs/sandbox.md says what each setting does.

    A secret is written out, or as ``env:NAME`` for the variable of the environment that holds it.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: _Name
    kind: Literal["sandbox"]
    url: str
    api_key: SecretStr
    webhook_secret: SecretStr | None = None
    region: str = "eu"
    timeout_s: _Timeout | None = None


GatewayEntry = SimulatedEntry | SandboxEntry


def _kind(given: Any) -> str:
    kind = given.get("kind", "simulated") if isinstance(given, Mapping) else getattr(given, "kind", None)
    return str(kind)[:_KIND_MAX]


class _GatewayFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gateway: Annotated[
        list[
            Annotated[
                Annotated[SimulatedEntry, Tag("simulated")] | Annotated[SandboxEntry, Tag("sandbox")],
                Discriminator(_kind),
            ]
        ],
        Field(min_length=1, max_length=64),
    ]


def read_gateways(given: str) -> list[GatewayEntry]:
    """Return the gateways that ``--gateways`` names.

    Args:
        given: path of a TOML, YAML or JSON file with a list ``gateway``, or names separated by commas.

    Raises:
        UsageError: the file cannot be read, or something in it is wrong.
    """
    entries = _read(Path(given)) if is_file(given) else _named(given)
    names = [entry.name for entry in entries]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(f"--gateways: {repeated[0]!r} stands there twice")
    return entries


def is_file(given: str) -> bool:
    """Return whether ``--gateways`` names a file rather than gateways."""
    return given.endswith(_FILES)


def make_gateway(entry: GatewayEntry, ledger: Ledger, environ: Mapping[str, str] | None = None) -> Gateway:
    """Return the gateway that an entry describes.

    Args:
        entry: from the file.
        ledger: holds the books of simulated ones.
        environ: where secrets are that the entry does not hold itself.

    Raises:
        UsageError: a secret is not there, or the address, the region or a secret cannot be one.
    """
    if isinstance(entry, SandboxEntry):
        return _sandbox(entry, environ or {})
    return _simulated(entry, ledger)


def secret_variables(entries: list[GatewayEntry]) -> frozenset[str]:
    """Return the variables of the environment in which secrets of these gateways are."""
    secrets = [
        secret.get_secret_value()
        for entry in entries
        if isinstance(entry, SandboxEntry)
        for secret in (entry.api_key, entry.webhook_secret)
        if secret is not None
    ]
    return frozenset(secret.removeprefix(_VARIABLE) for secret in secrets if secret.startswith(_VARIABLE))


def _sandbox(entry: SandboxEntry, environ: Mapping[str, str]) -> SandboxGateway:
    try:
        return SandboxGateway(
            entry.name,
            url=entry.url,
            api_key=_revealed(entry.api_key, environ, f"gateway {entry.name!r}, api_key"),
            webhook_secret=None
            if entry.webhook_secret is None
            else _revealed(entry.webhook_secret, environ, f"gateway {entry.name!r}, webhook_secret"),
            region=entry.region,
            timeout_s=entry.timeout_s,
        )
    except (ValueError, ImportError) as error:
        raise UsageError(f"--gateways: gateway {entry.name!r}: {error}") from None


def _revealed(secret: SecretStr, environ: Mapping[str, str], what: str) -> str:
    text = secret.get_secret_value()
    if not text.startswith(_VARIABLE):
        return text
    name = text.removeprefix(_VARIABLE)
    if not environ.get(name):
        raise UsageError(f"--gateways: {what}: the variable {name} is not set")
    return environ[name]


def _simulated(entry: SimulatedEntry, ledger: Ledger) -> SimulatedGateway:
    contract = GatewayContract(
        methods=entry.methods,
        currencies=entry.currencies,
        timeout_s=entry.timeout_s,
        fees=tuple(Fee(**dict(fee)) for fee in entry.fees),
    )
    return SimulatedGateway(
        entry.name,
        seed=entry.seed,
        success_rate=entry.success_rate,
        latency_s=(entry.latency_ms[0] / 1000, entry.latency_ms[1] / 1000),
        contract=contract,
        ledger=ledger,
        down_after_calls=entry.down_after_calls,
    )


def _named(given: str) -> list[GatewayEntry]:
    try:
        return [SimulatedEntry(name=name.strip()) for name in given.split(",")]
    except pydantic.ValidationError:
        raise UsageError(f"--gateways {given!r}: name a .toml file, or names such as alpha,beta") from None


def _read(file: Path) -> list[GatewayEntry]:
    try:
        data = read_data_file(file).data
    except ConfigurationError as error:
        raise UsageError(f"--gateways {_joined(error.errors[0])}") from None
    try:
        return list(_GatewayFile.model_validate({} if data is None else data).gateway)
    except pydantic.ValidationError as error:
        raise UsageError(f"--gateways {file}: {_explain(error, data)}") from None


def _joined(error: FieldError) -> str:
    # What is wrong with the whole of a file reads on from its name.
    return f"{error.field}{' ' if error.message.startswith('is ') else ': '}{error.message}"


def _explain(error: pydantic.ValidationError, data: Any) -> str:
    """Say what is wrong first, as a reader of the file counts: gateways from 1."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":
        kinds = "simulated or sandbox"
        return f"gateway {int(first['loc'][1]) + 1}, kind: use {kinds}"
    found = field_errors(
        error,
        data,
        known=lambda place: names_at(_GatewayFile, place, data),
        is_secret=lambda place: is_secret(_GatewayFile, place, data),
    )[0]
    table, *setting = [part for part in first["loc"] if part not in {"simulated", "sandbox"}]
    if table != "gateway" or not setting:
        return f"{found.field}: {found.message}; write one [[gateway]] table per gateway"
    number, *inner = setting
    if not isinstance(number, int):
        return f"{found.field}: {found.message}"
    return f"gateway {number + 1}, {path(inner)}: {found.message}"
