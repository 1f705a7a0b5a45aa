"""A broker inside the test's own process: on a free port, in a temporary folder, gone afterwards.

The whole server runs on a thread with an event loop of its own; clients reach it over a socket, as any other
Kafka broker. A test can stop, kill and restart it, move its clock, and set faults (`faults`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from streamkit.clock import Clock, SystemClock
from streamkit.errors import ClosedError, ConfigError
from streamkit.log.broker.faults import Faults
from streamkit.log.broker.server import BrokerServer, new_event_loop, serve
from streamkit.log.broker.settings import BrokerSettings
from streamkit.testing.fault_control import FaultControl
from streamkit.testing.moving_time import MovingClock, MovingTimers

__all__ = ["EmbeddedBroker"]

_FAST_SETTINGS = {"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "4"}


class EmbeddedBroker:
    """A Kafka broker for tests: `with EmbeddedBroker() as broker:`, or `start` and `stop`.

    Args:
        port: where to listen on 127.0.0.1; 0 takes a free port.
        data_dir: the data folder, which is kept; None takes a temporary one, which is removed.
        settings: broker settings by Kafka's names, as texts, numbers or booleans.
        clock: the broker's time; None: the machine's.

    Attributes:
        bootstrap: "127.0.0.1:port", once it is started, and while it is killed or stopped with its data kept.
        faults: what goes wrong on purpose; see `FaultControl`. They outlive a restart.

    Raises:
        ConfigError: an unknown setting or a value out of range.
        StreamkitError: from `start`: it can't listen, or the folder can't be used.

    Example:
        >>> from streamkit.testing import EmbeddedBroker
        >>> with EmbeddedBroker() as broker:
        ...     broker.bootstrap.startswith("127.0.0.1:")
        True
    """

    def __init__(
        self,
        port: int = 0,
        data_dir: str | Path | None = None,
        settings: Mapping[str, str | int | float] | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        texts = {name: _text(name, value) for name, value in (settings or {}).items()}
        self._settings = BrokerSettings.from_properties({**_FAST_SETTINGS, **texts})
        self._port = port
        self._kept_port = 0  # the free port that was taken, until a stop for good
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._temporary: str | None = None
        self._clock = MovingClock(clock or SystemClock())
        self._timers: MovingTimers | None = None
        self._faults = Faults()
        self.faults: FaultControl = FaultControl(self._faults)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._server: BrokerServer | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """The address for a client's `bootstrap.servers`; a client may be made while the broker is down.

        Raises:
            ClosedError: it was never started, or stopped for good.
        """
        if not self._bootstrap:
            raise ClosedError("the broker isn't running; use it in a with statement, or start it")
        return self._bootstrap

    @property
    def data_dir(self) -> Path:
        """The data folder.

        Raises:
            ClosedError: it was never started, and has no folder yet.
        """
        if self._data_dir is None:
            raise ClosedError("the broker has no data folder before it is started")
        return self._data_dir

    @property
    def server(self) -> BrokerServer:
        """The server; it belongs to the thread of `loop`.

        Raises:
            ClosedError: it isn't running.
        """
        if self._thread is None or self._server is None:
            raise ClosedError("the broker isn't running")
        return self._server

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the server runs on; `call_soon_threadsafe` reaches it.

        Raises:
            ClosedError: it isn't running.
        """
        if self._thread is None or self._loop is None:
            raise ClosedError("the broker isn't running")
        return self._loop

    def start(self) -> EmbeddedBroker:
        """Start it and wait until it can be reached.

        After `kill`, or `stop` with `keep_data`, it is the same broker: address, topics and records. After
        `stop`, a fixed folder keeps its topics.
        """
        if self._thread is not None:
            return self
        if self._data_dir is None:
            self._temporary = tempfile.mkdtemp(prefix="streamkit-broker-")
            self._data_dir = Path(self._temporary)
        self._ready.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._run, name="embedded-broker", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._join()
            self._remove_temporary()
            raise self._failure
        return self

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it cleanly. Harmless when it isn't running.

        Args:
            keep_data: keep a temporary folder and the address for the next `start`.
        """
        ran = self._thread is not None
        if ran:
            assert self._stop is not None
            self.loop.call_soon_threadsafe(self._stop.set)
            self._join()
        if not keep_data:
            self._bootstrap = ""
            self._remove_temporary()
        if ran and self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End it as `kill -9` ends a process; `start` then recovers its data at the same address.

        Requests in hand are lost, nothing is forced to the disk, the folder isn't marked as cleanly closed.

        Raises:
            ClosedError: it isn't running.
        """
        asyncio.run_coroutine_threadsafe(self.server.kill(), self.loop).result()
        self.stop(keep_data=True)

    def restart(self) -> None:
        """Stop it cleanly, if it is running, and start it again with its data and address."""
        self.stop(keep_data=True)
        self.start()

    def advance_clock(self, by: timedelta | float) -> None:
        """Put the broker's clock ahead; what has become due by that is done when this returns.

        Session and transaction timeouts, retention and waiting fetches go by this clock, delays of `faults` don't.
        The clock stays ahead, after a restart too.

        Args:
            by: a timedelta, or seconds; 0 or more.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self._clock.advance(round(seconds * 1000))
        if self._thread is not None and self._timers is not None:
            asyncio.run_coroutine_threadsafe(self._catch_up(), self.loop).result()

    def __enter__(self) -> EmbeddedBroker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        settings = replace(
            self._settings,
            listeners=f"PLAINTEXT://127.0.0.1:{self._port or self._kept_port}",
            log_dirs=str(self._data_dir),
        )
        loop = self._loop = new_event_loop()
        try:
            loop.run_until_complete(self._serve(settings))
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
            self._failure = error
        finally:
            loop.close()
            self._ready.set()

    async def _serve(self, settings: BrokerSettings) -> None:
        self._stop = asyncio.Event()
        await serve(
            settings,
            ready=self._listening,
            stop=self._stop,
            clock=self._clock,
            faults=self._faults,
            timers=self._make_timers,
        )

    def _make_timers(self, loop: asyncio.AbstractEventLoop) -> MovingTimers:
        self._timers = MovingTimers(loop, self._clock)
        return self._timers

    async def _catch_up(self) -> None:
        assert self._timers is not None
        self._timers.catch_up()

    def _join(self) -> None:
        assert self._thread is not None
        self._thread.join()
        self._thread = None
        self._timers = None

    def _listening(self, server: BrokerServer) -> None:
        self._server = server
        self._bootstrap = server.address
        self._kept_port = int(server.address.rpartition(":")[2])
        self._ready.set()

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None
            self._data_dir = None
            self._kept_port = 0


def _text(name: str, value: object) -> str:
    """A setting's value as a properties file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ConfigError(f"{name}={value!r}: a setting is a text, a number or a boolean")
