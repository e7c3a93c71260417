"""What a store keeps of the configuration: every revision that was ever in force."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

GENESIS = "0" * 64
"""Stands before the digest of the first revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationRecord:
    """One revision of the configuration, as it lies in the store.

    Attributes:
        revision: gap-free from 1.
        at: since when it has been in force, aware UTC.
        operator: who changed it; `host` for what the program itself passed on opening.
        reason: the operator's words.
        data: every setting, as JSON.
        host_revision: the latest revision that the host gave; this one, or the one that an operator changed.
        digest: SHA-256 over all of this and the digest of the revision before it; hexadecimal.
    """

    revision: int
    at: datetime
    operator: str
    reason: str
    data: str
    host_revision: int
    digest: str = ""

    def digest_after(self, previous: str) -> str:
        """Return the digest that this revision has after one with the digest `previous`."""
        parts = [
            previous,
            self.revision,
            self.at.isoformat(),
            self.operator,
            self.reason,
            self.host_revision,
            self.data,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
