import asyncio
import threading

import pytest

from aegispay.outbox.threads import Threads


def test_a_thread_is_used_again():
    async def main():
        threads = Threads("mailer", most=4)
        used = {await threads.call(threading.get_ident) for _ in range(20)}
        await threads.close()
        assert len(used) == 1
        assert used != {threading.get_ident()}

    asyncio.run(main())


def test_as_many_calls_run_at_once_as_there_are_threads():
    barrier = threading.Barrier(5)

    async def main():
        threads = Threads("mailer", most=5)
        await asyncio.gather(*(threads.call(barrier.wait, 60) for _ in range(5)))
        await threads.close()

    asyncio.run(main())


def test_when_all_threads_hang_a_call_fails_at_once():
    let_go = threading.Event()

    async def main():
        threads = Threads("mailer", most=2)
        hanging = [asyncio.ensure_future(threads.call(let_go.wait, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="2 earlier calls of the handler have not ended"):
            await threads.call(int)
        let_go.set()
        await asyncio.gather(*hanging)
        await threads.close()

    asyncio.run(main())


def test_what_a_call_raises_comes_back():
    async def main():
        threads = Threads("mailer", most=1)
        with pytest.raises(ZeroDivisionError):
            await threads.call(lambda: 1 / 0)
        with pytest.raises(SystemExit):
            await threads.call(exit)
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            await threads.call(next, iter(()))
        assert await threads.call(int, "7") == 7
        await threads.close()

    asyncio.run(main())


def test_closing_ends_every_thread():
    async def main():
        threads = Threads("closing", most=3)
        barrier = threading.Barrier(3)
        await asyncio.gather(*(threads.call(barrier.wait, 60) for _ in range(3)))
        running = [each for each in threading.enumerate() if each.name == "aegispay-subscriber-closing"]
        assert len(running) == 3
        await threads.close()
        for each in running:
            each.join(60)
            assert not each.is_alive()

    asyncio.run(main())


def test_who_gives_up_waiting_disturbs_nobody():
    let_go, done = threading.Event(), threading.Event()

    def work():
        let_go.wait(60)
        done.set()

    async def main():
        threads = Threads("mailer", most=2)
        waiting = asyncio.ensure_future(threads.call(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        let_go.set()
        assert await threads.call(done.wait, 60)
        await threads.close()

    asyncio.run(main())
