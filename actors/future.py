"""Replies: awaitable on the loop, blocking from any other thread, answered exactly once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import sys
from collections.abc import Callable, Generator
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pykka

from aegispay.actors.errors import AskCycleError, AskTimeoutError, NotReadyError
from aegispay.actors.waits import cell_in_turn, current_cell, refuse_cycle

if TYPE_CHECKING:
    from aegispay.actors.cell import Cell
    from aegispay.actors.system import ActorSystem

T = TypeVar("T")
ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class ActorFuture(pykka.Future[T]):
    """A reply that is there or will be.

    It does what `pykka.Future` documents, with two changes: ``await`` suspends instead of blocking the loop,
    and `get` on the loop's own thread raises `NotReadyError` instead of deadlocking when there is no reply yet.
    Cancelling an ``await`` withdraws the message when its turn has not begun.
    """

    __slots__ = ("_message_type", "_system", "_target", "reply")

    def __init__(self, system: ActorSystem, target: Cell | None = None, message_type: type | None = None) -> None:
        self._system = system
        self._target = target
        self._message_type = message_type
        self.reply: asyncio.Future[Any] = asyncio.Future(loop=system.loop)

    def __repr__(self) -> str:
        """Show whether the reply is there."""
        return f"<ActorFuture {'answered' if self.reply.done() else 'pending'}>"

    # --- asking side --------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, T]:
        if get_ident() != self._system.thread_id:
            return asyncio.wrap_future(self._for_another_thread()).__await__()
        if current_cell.get() is None or self._target is None or self.reply.done():
            return self.reply.__await__()
        return self._await_in_turn(self._target)

    def _await_in_turn(self, target: Cell) -> Generator[Any, None, T]:
        cell = cell_in_turn()
        if cell is None:
            value: T = yield from self.reply.__await__()
            return value
        try:
            refuse_cycle(cell, target, self._message_type)
        except AskCycleError as error:
            self.refuse(error)
            raise
        cell.waits_for = target
        try:
            value = yield from self.reply.__await__()
        finally:
            cell.waits_for = None
        return value

    def get(self, *, timeout: float | None = None) -> T:
        """Return the reply, or raise what was replied; from another thread, wait for it.

        Args:
            timeout: seconds to wait; ``None`` for as long as it takes.

        Raises:
            NotReadyError: called on the loop's own thread before the reply is there.
            pykka.Timeout: it took too long.
        """
        if self.reply.done():
            result: T = self.reply.result()
            return result
        if self._system.is_here():
            raise NotReadyError
        try:
            return self._for_another_thread().result(timeout)
        except concurrent.futures.TimeoutError:
            if self.reply.done():
                raise
            raise pykka.Timeout(f"{timeout} seconds") from None

    def _for_another_thread(self) -> concurrent.futures.Future[T]:
        arrived: concurrent.futures.Future[T] = concurrent.futures.Future()

        def copy(reply: asyncio.Future[T]) -> None:
            if reply.cancelled():
                arrived.cancel()
            elif arrived.set_running_or_notify_cancel():
                error = reply.exception()
                if error is None:
                    arrived.set_result(reply.result())
                else:
                    arrived.set_exception(error)

        self._system.call_soon(self.reply.add_done_callback, copy)
        return arrived

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

    def refuse(self, error: BaseException) -> None:
        """Answer with an error on the loop's thread, unless answered before."""
        if not self.reply.done():
            self._fail(error)

    def time_out(self) -> None:
        """Answer that it took too long, unless answered before."""
        if not self.reply.done():
            self._fail(AskTimeoutError(self._message_type, self._target))

    def is_over(self, now: float, deadline: float) -> bool:
        """Return whether nobody wants the answer any more; a missed deadline is answered as such."""
        if now >= deadline:
            self.time_out()
        return self.reply.done()

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):
            error = RuntimeError(f"StopIteration in a handler: {error}")
        self.reply.set_exception(error)
        # The asker may have gone away; that is its right, and nothing to warn about.
        self.reply.exception()

    def _on_loop(self, do: Callable[..., None], *arguments: Any) -> None:
        if self._system.is_here():
            do(*arguments)
        else:
            self._system.call_soon(do, *arguments)

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
        """Return a future of the list of this and the other replies.

        Raises:
            TypeError: one of them belongs to another runtime.
        """
        replies = [future.reply for future in (self, *futures) if isinstance(future, ActorFuture)]
        if len(replies) != 1 + len(futures):
            raise TypeError("join takes futures of this runtime only")
        joined: ActorFuture[Any] = ActorFuture(self._system)
        missing = len(replies)

        def arrived(_reply: asyncio.Future[Any]) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                joined.resolve(lambda: [reply.result() for reply in replies])

        self._on_loop(_watch_all, replies, arrived)
        return joined

    def _then(self, func: Callable[[Any], Any]) -> ActorFuture[Any]:
        following: ActorFuture[Any] = ActorFuture(self._system, self._target, self._message_type)
        self.when_answered(lambda reply: following.resolve(lambda: func(reply.result())))
        return following

    def when_answered(self, do: Callable[[asyncio.Future[Any]], None]) -> None:
        """Call `do` on the loop's thread with the reply, once it is there."""
        self._on_loop(self.reply.add_done_callback, do)

    def resolve(self, compute: Callable[[], Any]) -> None:
        """Answer with what `compute` returns or raises."""
        try:
            self.answer(compute())
        except asyncio.CancelledError:
            self.reply.cancel()
        except Exception as error:  # noqa: BLE001 - whatever went wrong belongs to whoever asks
            self.refuse(error)


def _watch_all(replies: list[asyncio.Future[Any]], arrived: Callable[[asyncio.Future[Any]], None]) -> None:
    for reply in replies:
        reply.add_done_callback(arrived)
