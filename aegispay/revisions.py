"""One revision of the settings: how it is kept, and how it is read back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aegispay.config import RUN_TIME, AegisPayConfig
from aegispay.config_sources import Gathered
from aegispay.domain.card_data import refuse_card_number
from aegispay.domain.settings_errors import nearest
from aegispay.errors import ConfigurationError
from aegispay.ports import ConfigurationRecord
from aegispay.ports.configuration import GENESIS

HOST = "host"
"""Stands for the operator where the program itself gave the settings, on opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRevision:
    """One revision of the settings.

    Attributes:
        revision: gap-free from 1.
        at: since when it has been in force, aware UTC.
        operator: who changed it; ``host`` for what the program itself passed on opening.
        reason: the operator's words.
        config: the settings; ``None`` for an old revision that this AegisPay cannot read any more.
        data: the settings as JSON, as they are kept.
        digest: SHA-256 over all of this and the digest of the revision before it; hexadecimal.
    """

    revision: int
    at: datetime
    operator: str
    reason: str
    config: AegisPayConfig | None
    data: str
    digest: str


def following(
    latest: ConfigurationRecord | None,
    config: AegisPayConfig,
    *,
    at: datetime,
    operator: str,
    reason: str,
    is_host: bool = False,
) -> ConfigurationRecord:
    """Return the record of the revision that comes after `latest`; `is_host` says that the program gave it."""
    revision = 1 if latest is None else latest.revision + 1
    record = ConfigurationRecord(
        revision=revision,
        at=at,
        operator=operator,
        reason=reason,
        data=dump(config),
        host_revision=revision if is_host or latest is None else latest.host_revision,
    )
    return replace(record, digest=record.digest_after(GENESIS if latest is None else latest.digest))


def readable(record: ConfigurationRecord, today: AegisPayConfig) -> AegisPayConfig | None:
    """Return the settings of a revision, those that need a restart as `today` has them; ``None`` if unreadable."""
    try:
        kept = json.loads(record.data)
        values = {name: kept[name] for name in RUN_TIME if name in kept}
        return AegisPayConfig.from_sources(Gathered({**dict(today), **values}))
    except (ValueError, TypeError, ConfigurationError):
        return None


def describe(record: ConfigurationRecord, config: AegisPayConfig | None) -> ConfigurationRevision:
    """Return what a person may read of a record."""
    return ConfigurationRevision(
        revision=record.revision,
        at=record.at,
        operator=record.operator,
        reason=record.reason,
        config=config,
        data=record.data,
        digest=record.digest,
    )


def run_time(config: AegisPayConfig) -> tuple[Any, ...]:
    """Return the settings that may change while the engine runs."""
    return tuple(getattr(config, name) for name in RUN_TIME)


def dump(config: AegisPayConfig) -> str:
    """Return all settings as JSON."""
    return config.model_dump_json()


def why_not(name: str) -> str:
    """Return why a setting of this name cannot be changed now."""
    if name in AegisPayConfig.model_fields:
        return "needs a restart: pass it to AegisPayConfig"
    return nearest(name, RUN_TIME)


def refuse_card_numbers(value: Any, path: str = "configuration") -> None:
    """Refuse settings in which a text holds a card number.

    Raises:
        CardDataError: naming the setting.
    """
    match value:
        case str():
            refuse_card_number(path, value)
        case dict():
            for key, each in value.items():
                refuse_card_number(path, key)
                refuse_card_numbers(each, f"{path}.{key}")
        case list():
            for each in value:
                refuse_card_numbers(each, path)
