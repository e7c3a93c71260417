"""Writing pictures again and again, whatever goes wrong with that."""

from __future__ import annotations

import asyncio
import logging

from aegispay.status.file import StatusFile
from aegispay.status.keeper import StatusKeeper
from tests.integration.command import TIMEOUT_S
from tests.unit.status.pictures import picture


class Counted(StatusFile):
    """Says when so many pictures were written, or could not be."""

    def __init__(self, database, *, wanted, failing=False):
        super().__init__(database, 3)
        self.loop, self.reached = asyncio.get_running_loop(), asyncio.Event()
        self.tries, self.wanted, self.failing = 0, wanted, failing

    def write(self, status):
        self.tries += 1
        if self.tries == self.wanted:
            self.loop.call_soon_threadsafe(self.reached.set)
        if self.failing:
            raise OSError(28, "No space left on device")
        super().write(status)


async def take():
    return picture()


def test_pictures_follow_each_other_and_the_last_is_taken_away(tmp_path):
    async def main():
        file = Counted(tmp_path / "payments.db", wanted=3)
        keeper = StatusKeeper(file, take, 0.001)
        await asyncio.wait_for(file.reached.wait(), TIMEOUT_S)
        await keeper.close()
        await keeper.close()
        return file.tries

    assert asyncio.run(main()) >= 3
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_logged_once_and_tried_again(tmp_path, caplog):
    async def main():
        file = Counted(tmp_path / "payments.db", wanted=4, failing=True)
        keeper = StatusKeeper(file, take, 0.001)
        await asyncio.wait_for(file.reached.wait(), TIMEOUT_S)
        await keeper.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert [(each.levelname, each.message.count("status_not_written")) for each in caplog.records] == [("WARNING", 1)]
    assert "No space" not in caplog.text


def test_a_picture_that_cannot_be_taken_ends_nothing(tmp_path):
    taken = []

    async def main():
        file = Counted(tmp_path / "payments.db", wanted=1)

        async def sometimes():
            taken.append(1)
            if len(taken) < 3:
                raise LookupError("an actor is gone")
            return picture()

        keeper = StatusKeeper(file, sometimes, 0.001)
        await asyncio.wait_for(file.reached.wait(), TIMEOUT_S)
        await keeper.close()

    asyncio.run(main())
    assert len(taken) >= 3
