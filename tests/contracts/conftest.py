from __future__ import annotations

import pytest

from aegispay import MemoryStore, SqliteStore
from tests.contracts.stores import StillClock


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path, clock):
    if request.param == "memory":
        return MemoryStore(clock=clock)
    return SqliteStore(tmp_path / "payments.db", clock=clock)
