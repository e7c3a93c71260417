"""The settings in force, by revision: they may change while the engine runs, and a payment under way keeps its own."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aegispay.config import RUN_TIME, AegisPayConfig
from aegispay.config_sources import Gathered
from aegispay.domain.card_data import mask_card_numbers
from aegispay.domain.payment import Payment
from aegispay.errors import (
    CommitUnknownError,
    ConfigurationConflictError,
    ConfigurationError,
    CorruptStoreError,
    FieldError,
)
from aegispay.log import logger
from aegispay.observability.binding import of_payment
from aegispay.ports import Clock, ConfigurationRecord, EventStore
from aegispay.revisions import (
    HOST,
    ConfigurationRevision,
    describe,
    dump,
    following,
    readable,
    refuse_card_numbers,
    run_time,
    why_not,
)

_WARNINGS_MAX = 20
"""Names to warn of at once; `aegispay config check --gateways` lists all."""
_KEPT_MAX = 1_000
"""Earlier revisions in memory; one that is needed again is read again."""


class Settings:
    """What is in force, and what was.

    Args:
        host: what the program passed.
        announce: called with the settings whenever others come into force.
        gateways: the registered ones, by name.
    """

    def __init__(
        self,
        host: AegisPayConfig,
        *,
        store: EventStore,
        clock: Clock,
        announce: Callable[[AegisPayConfig], None],
        gateways: Collection[str] = (),
    ) -> None:
        self._host = host
        self._store = store
        self._clock = clock
        self._announce = announce
        self._gateways = gateways
        self._current = host
        self._latest: ConfigurationRecord | None = None
        self._earlier: OrderedDict[int, AegisPayConfig | None] = OrderedDict()
        self._changing = asyncio.Lock()
        self._is_uncertain = False

    def __repr__(self) -> str:
        """Show the revision."""
        return f"<Settings revision={self.revision}>"

    # --- reading ------------------------------------------------------------------------------------

    @property
    def current(self) -> AegisPayConfig:
        """What is in force now."""
        return self._current

    @property
    def revision(self) -> int:
        """The number of what is in force now; 0 before opening."""
        return 0 if self._latest is None else self._latest.revision

    def revision_of(self, payment: Payment) -> int:
        """Return the revision that the payment started with; today's if it has not started."""
        return payment.attempts[0].configuration if payment.attempts else self.revision

    def of(self, payment: Payment) -> AegisPayConfig:
        """Return the settings that the payment started with; today's if it has not started."""
        return self.at(payment.attempts[0].configuration) if payment.attempts else self._current

    def at(self, revision: int) -> AegisPayConfig:
        """Return the settings of a revision; today's for one that is not known here, see `keep`."""
        return (self._earlier.get(revision) if self._earlier else None) or self._current

    async def keep(self, payment: Payment | None) -> None:
        """Have the settings at hand that the payment started with, for `at` and `of`.

        Raises:
            StoreError: they cannot be read.
        """
        if payment is None or not payment.attempts or payment.state.is_final:
            return
        revision = payment.attempts[0].configuration
        if revision in {0, self.revision} or revision in self._earlier:
            return
        record = await self._store.load_configuration(revision)
        config = None if record is None else readable(record, self._host)
        if config is None:
            logger().bind(**of_payment(payment)).warning("configuration_not_read", revision=revision)
        self._remember(revision, config)

    def _remember(self, revision: int, config: AegisPayConfig | None) -> None:
        self._earlier[revision] = config
        if len(self._earlier) > _KEPT_MAX:
            self._earlier.popitem(last=False)

    # --- opening ------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Find out what is in force.

        What was changed while the engine ran stays in force as long as the program passes what it passed before;
        if it passes other settings, those win. Settings that need a restart are always the program's.

        Raises:
            StoreError: it cannot be read, or a revision has to be written and cannot be.
        """
        async with self._changing:
            latest = await self._store.load_configuration()
            self._latest = latest
            kept = None if latest is None else await self._kept(latest)
            if latest is None or kept is None:
                why = "the first settings" if latest is None else "the program passes other settings than before"
                await self._follow(self._host, HOST, why, is_host=True)
            elif json.loads(latest.data) != json.loads(dump(kept)):
                why = "the program passes other settings that need a restart"
                await self._follow(kept, HOST, why)
            else:
                self._put(latest, kept)
            # Nothing was in force before: what a payment started with is read when it is read.
            self._earlier.clear()
            self._say(latest)

    def _say(self, before: ConfigurationRecord | None) -> None:
        """Log what is in force, where it is not just what the program passes, as ever."""
        now, log = self._existing(), logger()
        if before is not None and now.revision == now.host_revision > before.revision:
            log.warning("configuration_replaced", revision=now.revision, replaced=before.revision, by=before.operator)
        elif now.revision != now.host_revision:
            log.info("configuration_kept", revision=now.revision, host_revision=now.host_revision)

    def check_gateways(self, settings: Collection[str] = RUN_TIME) -> None:
        """Warn of gateways that these settings name and that nobody has registered.

        No more than a warning: gateways may be registered later. Before there is any, nothing is said.
        """
        if not self._gateways:
            return
        for problem in self._current.unknown_gateways(self._gateways, settings=settings, most=_WARNINGS_MAX):
            logger().warning("unknown_gateway", problem=problem, revision=self.revision)

    async def _kept(self, latest: ConfigurationRecord) -> AegisPayConfig | None:
        """Return what stays in force; ``None`` if the host's own settings come into force."""
        host = await self._store.load_configuration(latest.host_revision)
        given = None if host is None else readable(host, self._host)
        if given is None or run_time(given) != run_time(self._host):
            return None
        return readable(latest, self._host)

    # --- changing -----------------------------------------------------------------------------------

    async def change(
        self, changes: Mapping[str, Any], *, operator: str, reason: str, expected_revision: int | None = None
    ) -> ConfigurationRevision:
        """Put other settings in force: written first, then told to everybody whom they concern.

        Raises:
            ConfigurationError: a setting is not known, needs a restart or makes no sense; nothing was changed.
            ConfigurationConflictError: another revision than the expected one is in force; nothing was changed.
            StoreError: as `EventStore`; only after `CommitUnknownError` it may come into force, with the next start.
        """
        # A caller that is cancelled must not leave something written that is not in force.
        return await asyncio.shield(
            asyncio.ensure_future(self._change(changes, operator, reason, expected_revision)),
        )

    async def _change(
        self, changes: Mapping[str, Any], operator: str, reason: str, expected: int | None
    ) -> ConfigurationRevision:
        async with self._changing:
            if self._is_uncertain:
                await self._catch_up()
            if expected is not None and expected != self.revision:
                raise ConfigurationConflictError(expected=expected, actual=self.revision)
            config = self._changed(changes)
            if run_time(config) != run_time(self._current):
                await self._follow(config, operator, reason)
                names = [name for name in RUN_TIME if name in changes]
                logger().info("configuration_changed", revision=self.revision, operator=operator, settings=names)
            self.check_gateways(changes)
            return describe(self._existing(), self._current)

    def _changed(self, changes: Mapping[str, Any]) -> AegisPayConfig:
        wrong = [FieldError(mask_card_numbers(name)[:60], why_not(name)) for name in changes if name not in RUN_TIME]
        if wrong:
            raise ConfigurationError(wrong)
        return AegisPayConfig.from_sources(Gathered({**dict(self._current), **changes}))

    async def _follow(self, config: AegisPayConfig, operator: str, reason: str, *, is_host: bool = False) -> None:
        at = self._clock.now()
        record = following(self._latest, config, at=at, operator=operator, reason=reason, is_host=is_host)
        refuse_card_numbers(json.loads(record.data))
        try:
            is_written = await self._store.save_configuration(record)
        except CommitUnknownError:
            self._is_uncertain = True
            await self._catch_up()
            is_written = self._latest == record
            if not is_written:
                raise
        if not is_written:
            raise CorruptStoreError(f"configuration {record.revision} was written by somebody else")
        self._put(record, config)

    async def _catch_up(self) -> None:
        """Find out whether a write that failed half-way is in the store."""
        latest = await self._store.load_configuration()
        if latest is not None and (self._latest is None or latest.revision > self._latest.revision):
            config = readable(latest, self._host)
            if config is not None:
                self._put(latest, config)
        self._is_uncertain = False

    def _put(self, record: ConfigurationRecord, config: AegisPayConfig) -> None:
        if self._latest is not None:
            self._remember(self._latest.revision, self._current)
        self._earlier.pop(record.revision, None)
        self._latest, self._current = record, config
        self._announce(config)

    def _existing(self) -> ConfigurationRecord:
        if self._latest is None:
            raise CorruptStoreError("no configuration is in force")
        return self._latest

    # --- history ------------------------------------------------------------------------------------

    def now(self) -> ConfigurationRevision:
        """Return what is in force."""
        return describe(self._existing(), self._current)

    async def history(self, *, before: int | None, limit: int) -> tuple[ConfigurationRevision, ...]:
        """Return revisions, newest first."""
        records = await self._store.list_configurations(before=before, limit=limit)
        return tuple(describe(record, readable(record, self._host)) for record in records)
