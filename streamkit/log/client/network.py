"""The network thread: one asyncio loop for all clients of a process.

It owns every socket and every timer of the clients. No per-record work runs on it; callers hand it
batches and take batches from it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ClassVar, TypeVar

from streamkit.errors import ClosedError

__all__ = ["NetworkThread"]

T = TypeVar("T")

_JOIN_SECONDS = 5.0


class NetworkThread:
    """A daemon thread that runs an event loop, uvloop's where the platform has it.

    Args:
        name: of the thread, as tools show it.
    """

    _shared: ClassVar[NetworkThread | None] = None
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, name: str = "streamkit-network") -> None:
        self._loop = _new_loop()
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @classmethod
    def shared(cls) -> NetworkThread:
        """The thread that all clients of this process use unless told otherwise.

        A forked child gets one of its own.
        """
        with cls._shared_lock:
            thread = cls._shared
            if thread is None or thread._closed or thread._pid != os.getpid():
                thread = cls._shared = cls()
                # A loop that is still running while the interpreter is torn down may crash it.
                atexit.register(thread.close)
            return thread

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that runs on this thread."""
        return self._loop

    def inside(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.get_ident() == self._thread.ident

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop, from another thread.

        Raises:
            ClosedError: the thread was closed.
        """
        if self._closed:
            coroutine.close()
            raise ClosedError("the network thread was closed")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and wait for its result.

        Args:
            coroutine: what to run.
            timeout: seconds to wait; the coroutine is cancelled after that.

        Raises:
            TimeoutError: it was not done in time.
            ClosedError: the thread was closed.
        """
        if self.inside():
            coroutine.close()
            raise RuntimeError("a blocking call on the network thread would never return")
        future = self.submit(coroutine)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Run a function on the loop soon, from any thread. Dropped once the thread is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    def close(self) -> None:
        """Stop the loop, cancelling what runs on it, and join the thread."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        self.call_soon(self._loop.stop)
        if not self.inside():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
