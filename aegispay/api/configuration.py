"""Settings that change while the engine runs."""

from __future__ import annotations

from typing import Unpack

from aegispay.api.life import EngineLife
from aegispay.domain.text import integer, text
from aegispay.fields import ConfigurationChanges
from aegispay.revisions import ConfigurationRevision

_OPERATOR_LENGTH_MAX = 100
_REASON_LENGTH_MAX = 500
_PAGE_MAX = 1_000
_REVISION_MAX = 1 << 62


class ConfigurationMethods(EngineLife):
    """What is in force, what was, and how it is changed."""

    async def configure(
        self,
        *,
        operator: str,
        reason: str,
        expected_revision: int | None = None,
        **changes: Unpack[ConfigurationChanges],
    ) -> ConfigurationRevision:
        """Change settings without a restart; all of them come into force together, or none.

        They are written down as a new revision before they take effect, and stay in force across restarts for as long
        as the program passes what it passes now. A payment keeps the settings it started with: the routing and the
        retries of its later attempts go by the revision of its first one. Breakers, limits and health checks are of
        today for everybody. A gateway that is named and not registered is a warning in the log and no error, for it may
        be registered later.

        Args:
            operator: who changes it, 1 to 100 characters; kept.
            reason: why, 1 to 500 characters; kept.
            expected_revision: the revision that you decided upon; another one in force is an error.
            **changes: as `AegisPayConfig` takes them; each takes the place of the whole setting.

        Returns:
            What is in force now; the revision of before, when nothing is changed by it.

        Raises:
            ConfigurationError: a setting is not known, needs a restart or makes no sense; nothing was changed.
            ConfigurationConflictError: another revision than the expected one is in force; nothing was changed.
            ValidationError: operator or reason is missing.
            CardDataError: a text holds a card number, other than a name.
            StoreError: it could not be written, so nothing was changed.
        """
        settings = self._open_assembly().settings
        if expected_revision is not None:
            integer("expected_revision", expected_revision, smallest=1, largest=_REVISION_MAX)
        return await settings.change(
            changes,
            operator=text("operator", operator, longest=_OPERATOR_LENGTH_MAX),
            reason=text("reason", reason, longest=_REASON_LENGTH_MAX),
            expected_revision=expected_revision,
        )

    async def configuration(self) -> ConfigurationRevision:
        """Return the settings in force, with who put them there, when and why."""
        return self._open_assembly().settings.now()

    async def configuration_history(
        self, *, before: int | None = None, limit: int = 100
    ) -> tuple[ConfigurationRevision, ...]:
        """Return the settings that are and were in force, newest first.

        Args:
            before: only revisions before this one, for the next page.
            limit: 1 to 1,000.

        Raises:
            ValidationError: an argument is out of range.
        """
        settings = self._open_assembly().settings
        integer("limit", limit, smallest=1, largest=_PAGE_MAX)
        if before is not None:
            integer("before", before, smallest=1, largest=_REVISION_MAX)
        return await settings.history(before=before, limit=limit)
