"""The network thread: one asyncio loop for all clients of a process.

It owns every socket and every timer of the clients. No per-record work runs on it; callers hand it
batches and take batches from it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, ClassVar, TypeVar

from streamkit.errors import ClosedError, caused_by

__all__ = ["NetworkThread"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_JOIN_SECONDS = 5.0
_LOOK_SECONDS = 1.0


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
        self._ended_by: BaseException | None = None
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
            if thread is None or not thread._is_usable or thread._pid != os.getpid():
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

    def check(self) -> None:
        """Look whether the thread runs: without it clients would wait for ever.

        Raises:
            ClosedError: it was closed, or has ended by a fault.
        """
        if self._ended_by is not None:
            ended = ClosedError(f"the network thread has ended by {self._ended_by!r}")
            raise caused_by(ended, self._ended_by)
        if self._closed:
            raise ClosedError("the network thread was closed")

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop, from another thread.

        Raises:
            ClosedError: the thread was closed, or has ended.
        """
        try:
            self.check()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            self.check()
            raise
        except ClosedError:
            coroutine.close()
            raise

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and wait for its result.

        Args:
            coroutine: what to run.
            timeout: seconds to wait; the coroutine is cancelled after that.

        Raises:
            TimeoutError: it was not done in time.
            ClosedError: the thread was closed, or has ended.
        """
        if self.inside():
            coroutine.close()
            raise RuntimeError("a blocking call on the network thread would never return")
        return self.wait(self.submit(coroutine), timeout)

    def wait(self, future: Future[T], timeout: float | None = None) -> T:
        """Wait for what was submitted.

        Raises:
            As `run`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                rest = _LOOK_SECONDS if deadline is None else deadline - time.monotonic()
                try:
                    # In slices: what is submitted while the thread ends may never run.
                    return future.result(min(rest, _LOOK_SECONDS))
                except TimeoutError:
                    if future.done() or (rest <= _LOOK_SECONDS and deadline is not None):
                        raise
                self.check()
        except CancelledError:
            self.check()
            raise
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

    @property
    def _is_usable(self) -> bool:
        return not self._closed and self._ended_by is None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        except BaseException as error:  # noqa: BLE001  the thread's boundary: every call raises it
            _log.critical("the network thread has ended: %r", error, exc_info=error)
            self._ended_by = error
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            if self._ended_by is None:
                # Else connections are open still, whose transports call the loop when they are collected.
                self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
