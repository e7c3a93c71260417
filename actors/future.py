"""Replies: awaitable on the loop, blocking from any other thread, answered exactly once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import sys
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pykka

from aegispay.actors.errors import NotReadyError

if TYPE_CHECKING:
    from aegispay.actors.system import ActorSystem

T = TypeVar("T")
ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class ActorFuture(pykka.Future[T]):
    """A reply that is there or will be.

    It does what `pykka.Future` documents, with two changes: ``await`` suspends instead of blocking the loop,
    and `get` on the loop's own thread raises `NotReadyError` instead of deadlocking when there is no reply yet.
    """

    __slots__ = ("_deadline", "_system", "reply")

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._deadline: asyncio.TimerHandle | None = None
        self.reply: asyncio.Future[Any] = asyncio.Future(loop=system.loop)

    def __repr__(self) -> str:
        """Show whether the reply is there."""
        return f"<ActorFuture {'answered' if self.reply.done() else 'pending'}>"

    # --- asking side --------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, T]:
        return self.reply.__await__()

    def get(self, *, timeout: float | None = None) -> T:
        """Return the reply, or raise what was replied; from another thread, wait for it.

        Args:
            timeout: seconds to wait; ``None`` for as long as it takes.

        Raises:
            NotReadyError: called on the loop's own thread before the reply is there.
            pykka.Timeout: it took too long.
        """
        if not self.reply.done():
            if threading.get_ident() == self._system.thread_id:
                raise NotReadyError("the reply is not there yet and this is the loop's own thread; use await")
            self._wait(timeout)
        result: T = self.reply.result()
        return result

    def _wait(self, timeout: float | None) -> None:
        arrived: concurrent.futures.Future[None] = concurrent.futures.Future()

        def tell(_reply: asyncio.Future[Any]) -> None:
            if not arrived.done():
                arrived.set_result(None)

        self._system.loop.call_soon_threadsafe(self.reply.add_done_callback, tell)
        try:
            arrived.result(timeout)
        except concurrent.futures.TimeoutError:
            arrived.cancel()
            raise pykka.Timeout(f"{timeout} seconds") from None

    # --- answering side -----------------------------------------------------------------------------

    def set(self, value: T | None = None) -> None:
        """Answer with a value; a second answer is an error."""
        self._on_loop(self.reply.set_result, value)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an exception, by default the one being handled."""
        kind, error, _ = exc_info or sys.exc_info()
        if error is None:
            error = (kind or RuntimeError)("no exception to set")
        self._on_loop(self._fail, error)

    def answer(self, value: T) -> None:
        """Answer on the loop's thread, unless the deadline or a crash answered before."""
        if not self.reply.done():
            self.reply.set_result(value)
            self._forget_deadline()

    def refuse(self, error: BaseException) -> None:
        """Answer with an error on the loop's thread, unless answered before."""
        if not self.reply.done():
            self._fail(error)
            self._forget_deadline()

    def refuse_at(self, when: float, error: Callable[[], BaseException]) -> None:
        """Answer with an error at loop time `when`, unless answered before."""
        self._deadline = self._system.loop.call_at(when, lambda: self.refuse(error()))

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):
            error = RuntimeError(f"StopIteration in a handler: {error}")
        self.reply.set_exception(error)
        # The asker may have gone away; that is its right, and nothing to warn about.
        self.reply.exception()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_loop(self, do: Callable[..., None], *arguments: Any) -> None:
        if threading.get_ident() == self._system.thread_id:
            do(*arguments)
        else:
            self._system.loop.call_soon_threadsafe(do, *arguments)

    # --- pykka's combinators, run on the loop when the reply arrives, not in whoever calls get --------

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Not supported: a hook would run in, and block, whoever asks for the reply."""
        raise NotImplementedError("get hooks would block the event loop; use map")

    def filter(self, func: Callable[[Any], bool]) -> ActorFuture[Any]:
        """Return a future of the reply's items for which `func` is true."""
        return self._then(lambda value: [item for item in value if func(item)])

    def map(self, func: Callable[[T], Any]) -> ActorFuture[Any]:
        """Return a future of `func` applied to the reply."""
        return self._then(func)

    def reduce(self, func: Callable[[Any, Any], Any], *initial: Any) -> ActorFuture[Any]:
        """Return a future of the reply's items folded by `func`."""
        return self._then(lambda value: functools.reduce(func, value, *initial))

    def join(self, *futures: pykka.Future[Any]) -> ActorFuture[Any]:
        """Return a future of the list of this and the other replies."""
        joined: ActorFuture[Any] = ActorFuture(self._system)
        replies = [f.reply for f in (self, *futures) if isinstance(f, ActorFuture)]
        if len(replies) != 1 + len(futures):
            raise TypeError("join takes futures of this runtime only")
        missing = len(replies)

        def arrived(_reply: asyncio.Future[Any]) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                self._resolve(joined, lambda: [reply.result() for reply in replies])

        self._on_loop(_watch_all, replies, arrived)
        return joined

    def _then(self, func: Callable[[Any], Any]) -> ActorFuture[Any]:
        following: ActorFuture[Any] = ActorFuture(self._system)

        def arrived(reply: asyncio.Future[Any]) -> None:
            self._resolve(following, lambda: func(reply.result()))

        self._on_loop(self.reply.add_done_callback, arrived)
        return following

    @staticmethod
    def _resolve(target: ActorFuture[Any], compute: Callable[[], Any]) -> None:
        try:
            target.answer(compute())
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to whoever asks
            target.refuse(error)


def _watch_all(replies: list[asyncio.Future[Any]], arrived: Callable[[asyncio.Future[Any]], None]) -> None:
    for reply in replies:
        reply.add_done_callback(arrived)
