"""Gateways from a TOML file, or from a list of names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from aegispay.cli.rows import UsageError
from aegispay.domain.contract import Fee, GatewayContract
from aegispay.domain.money import currencies
from aegispay.domain.payment_method import PaymentMethodType
from aegispay.gateways.ledger import Ledger
from aegispay.gateways.simulated import SimulatedGateway

_Milliseconds = Annotated[float, Field(ge=0, le=86_400_000, allow_inf_nan=False)]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class _FeeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    currency: str | None = None
    method: PaymentMethodType | None = None
    fixed_minor: Annotated[int, Field(ge=0)] = 0
    basis_points: Annotated[int, Field(ge=0, le=10_000)] = 0


class GatewayEntry(BaseModel):
    """One ``[[gateway]]`` table; docs/simulated-gateway.md says what each setting does."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    kind: Literal["simulated"] = "simulated"
    seed: int = 0
    success_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    latency_ms: tuple[_Milliseconds, _Milliseconds] = (0.0, 0.0)
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
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


class _GatewayFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gateway: Annotated[list[GatewayEntry], Field(min_length=1, max_length=64)]


def read_gateways(given: str) -> list[GatewayEntry]:
    """Return the gateways that ``--gateways`` names.

    Args:
        given: path of a TOML file with ``[[gateway]]`` tables, or names separated by commas.

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
    return given.endswith(".toml")


def make_gateway(entry: GatewayEntry, ledger: Ledger) -> SimulatedGateway:
    """Return the simulated gateway that an entry describes; `ledger` holds its books."""
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
        return [GatewayEntry(name=name.strip()) for name in given.split(",")]
    except pydantic.ValidationError:
        raise UsageError(f"--gateways {given!r}: name a .toml file, or names such as alpha,beta") from None


def _read(path: Path) -> list[GatewayEntry]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--gateways {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--gateways {path} is not TOML: {error}") from error
    try:
        return _GatewayFile.model_validate(data).gateway
    except pydantic.ValidationError as error:
        raise UsageError(f"--gateways {path}: {_explain(error)}") from None


def _explain(error: pydantic.ValidationError) -> str:
    """Say what is wrong first, as a reader of the file counts: gateways from 1."""
    first = error.errors(include_url=False)[0]
    table, *setting = first["loc"]
    message = first["msg"].removeprefix("Value error, ")
    if table != "gateway" or not setting:
        return f"{table}: {message}; write one [[gateway]] table per gateway"
    number, *path = setting
    if not isinstance(number, int):
        return f"{table}: {message}"
    return f"gateway {number + 1}, {'.'.join(str(part) for part in path)}: {message}"
