from __future__ import annotations

import asyncio

import pytest

from aegispay.errors import StoreUnavailableError
from aegispay.storage.batching import Batcher
from aegispay.testing import run_virtual


class Served:
    """Serves batches when told to, and remembers them."""

    def __init__(self, batch_max: int = 100) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.batcher: Batcher[int, int] = Batcher(self.serve, batch_max=batch_max)

    async def serve(self, batch):
        self.batches.append(batch)
        await self.gate.wait()
        return [StoreUnavailableError(str(each)) if each < 0 else each * 10 for each in batch]


def test_what_waits_while_one_batch_runs_is_the_next_batch():
    async def main():
        served = Served()
        served.gate.clear()
        first = served.batcher.ask(1)
        await asyncio.sleep(0)
        later = [served.batcher.ask(number) for number in (2, 3, 4)]
        assert len(served.batcher) == 3
        served.gate.set()
        assert await asyncio.gather(first, *later) == [10, 20, 30, 40]
        assert served.batches == [[1], [2, 3, 4]]
        assert served.batcher.batches == 2

    run_virtual(main())


def test_a_batch_is_no_larger_than_its_bound_and_keeps_the_order():
    async def main():
        served = Served(batch_max=4)
        assert await asyncio.gather(*map(served.batcher.ask, range(10))) == [number * 10 for number in range(10)]
        assert served.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    run_virtual(main())


def test_nobody_is_answered_before_its_batch_has_been_served():
    async def main():
        served = Served()
        served.gate.clear()
        answers = [served.batcher.ask(number) for number in (1, 2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(answer.done() for answer in answers)
        served.gate.set()
        assert await asyncio.gather(*answers) == [10, 20]

    run_virtual(main())


def test_one_answer_that_is_an_exception_is_that_callers_only():
    async def main():
        served = Served()
        answers = await asyncio.gather(*map(served.batcher.ask, (1, -2, 3)), return_exceptions=True)
        assert [answers[0], str(answers[1]), answers[2]] == [10, "-2", 30]

    run_virtual(main())


def test_a_batch_that_fails_is_everybodys_failure_and_the_next_one_is_served():
    async def main():
        async def serve(batch):
            if 1 in batch:
                raise StoreUnavailableError("disk full", hint="free space")
            return batch

        batcher: Batcher[int, int] = Batcher(serve, batch_max=10)
        answers = await asyncio.gather(*map(batcher.ask, (1, 2)), return_exceptions=True)
        assert [(type(each), str(each), each.hint) for each in answers] == [
            (StoreUnavailableError, "disk full", "free space")
        ] * 2
        # Each its own: one object raised in many tasks would gather the tracebacks of all.
        assert answers[0] is not answers[1]
        assert await batcher.ask(3) == 3

    run_virtual(main())


def test_a_caller_that_gave_up_does_not_disturb_the_others():
    async def main():
        served = Served()
        served.gate.clear()
        gone, staying = served.batcher.ask(1), served.batcher.ask(2)
        await asyncio.sleep(0)
        gone.cancel()
        served.gate.set()
        assert await staying == 20
        assert served.batches == [[1, 2]]

    run_virtual(main())


def test_drain_waits_for_every_answer_and_does_nothing_when_there_is_none():
    async def main():
        served = Served(batch_max=1)
        await served.batcher.drain()
        answers = [served.batcher.ask(number) for number in range(5)]
        await served.batcher.drain()
        assert all(answer.done() for answer in answers)
        assert len(served.batches) == 5

    run_virtual(main())


def test_nobody_waits_for_ever_when_the_serving_task_is_cancelled():
    async def main():
        served = Served(batch_max=1)
        served.gate.clear()
        answers = [served.batcher.ask(1), served.batcher.ask(2)]
        await asyncio.sleep(0)
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        task.cancel()
        await asyncio.wait(answers)
        assert [answer.cancelled() for answer in answers] == [True, True]
        served.gate.set()
        assert await served.batcher.ask(3) == 30

    run_virtual(main())


@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_too_few_or_too_many_is_noticed(count):
    async def main():
        async def serve(_batch):
            return [0] * count

        batcher: Batcher[int, int] = Batcher(serve, batch_max=10)
        answers = await asyncio.gather(batcher.ask(1), batcher.ask(2), return_exceptions=True)
        assert list(map(str, answers)) == [f"{count} answers to 2 requests"] * 2

    run_virtual(main())
