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
from aegispay.gateways.ledger import FileLedger
from aegispay.gateways.simulated import SimulatedGateway

_Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class _FeeEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    currency: str | None = None
    method: PaymentMethodType | None = None
    fixed_minor: Annotated[int, Field(ge=0)] = 0
    basis_points: Annotated[int, Field(ge=0, le=10_000)] = 0


class _GatewayEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Name
    kind: Literal["simulated"] = "simulated"
    seed: int = 0
    success_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    latency_ms: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] = (0.0, 0.0)
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    down_after_calls: Annotated[int, Field(ge=1)] | None = None
    currencies: frozenset[str] | None = None
    methods: frozenset[PaymentMethodType] = frozenset(PaymentMethodType)
    fees: tuple[_FeeEntry, ...] = ()

    @pydantic.field_validator("currencies")
    @classmethod
    def _known(cls, value: frozenset[str] | None) -> frozenset[str] | None:
        unknown = sorted(value - set(currencies())) if value is not None else []
        if unknown:
            raise ValueError(f"{unknown[0]} is no ISO 4217 code")
        return value


class _GatewayFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gateway: Annotated[list[_GatewayEntry], Field(min_length=1, max_length=64)]


def load_gateways(given: str, ledger: FileLedger) -> list[SimulatedGateway]:
    """Return the gateways that ``--gateways`` names.

    Args:
        given: path of a TOML file with ``[[gateway]]`` tables, or names separated by commas.
        ledger: the simulated providers' books.

    Raises:
        UsageError: the file cannot be read, or something in it is wrong.
    """
    entries = _read(Path(given)) if given.endswith(".toml") else _named(given)
    names = [entry.name for entry in entries]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UsageError(f"--gateways: {repeated[0]!r} stands there twice")
    return [_make(entry, ledger) for entry in entries]


def _named(given: str) -> list[_GatewayEntry]:
    try:
        return [_GatewayEntry(name=name.strip()) for name in given.split(",")]
    except pydantic.ValidationError:
        raise UsageError(f"--gateways {given!r}: name a .toml file, or names such as alpha,beta") from None


def _read(path: Path) -> list[_GatewayEntry]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--gateways {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--gateways {path} is not TOML: {error}") from error
    try:
        return _GatewayFile.model_validate(data).gateway
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"--gateways {path}: {where}: {first['msg']}") from None


def _make(entry: _GatewayEntry, ledger: FileLedger) -> SimulatedGateway:
    contract = GatewayContract(
        methods=entry.methods,
        currencies=entry.currencies,
        timeout_s=entry.timeout_s,
        fees=tuple(Fee(**fee.model_dump()) for fee in entry.fees),
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
