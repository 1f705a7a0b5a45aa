"""The broker on a socket: `serve` runs one until it is told to stop, `BrokerServer` starts and stops one.

Everything runs on one event loop. Stopping drains: no new connections, requests in hand are answered (waiting
fetches and members at once), then the logs are forced to the disk and the folder is unlocked.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Awaitable, Callable

from streamkit.clock import Clock, SystemClock
from streamkit.errors import StreamkitError
from streamkit.log.broker.acceptor import Acceptor, ConnectionQuotas
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.connection import ClientConnection
from streamkit.log.broker.descriptors import shares_of_descriptors
from streamkit.log.broker.faults import Faults
from streamkit.log.broker.request_metrics import RequestMetrics
from streamkit.log.broker.settings import BrokerSettings, parse_listener
from streamkit.log.broker.timers import LoopTimers, TimerHandle, Timers

__all__ = ["AddressInUseError", "BrokerServer", "new_event_loop", "serve"]

logger = logging.getLogger(__name__)

_SWEEP_MS = 5_000
_STALLED_MS = 30_000
_DRAIN_SECONDS = 5.0


class AddressInUseError(StreamkitError, OSError):
    """The address can't be listened on. Attribute `address` is "host:port"."""

    def __init__(self, message: str, *, address: str) -> None:
        super().__init__(message)
        self.address = address


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Uvloop's where the platform has it, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class BrokerServer:
    """A broker that listens. `start` and `stop` are called on the loop that it runs on.

    Args:
        settings: `listeners` says where; port 0 takes a free one.
        clock: the time.
        faults: what goes wrong on purpose; None: nothing does.
        timers: makes the timers of a loop.
        metrics: counts the requests; None: nobody wants to know.

    Attributes:
        broker: set by `start`.
    """

    broker: Broker

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        timers: Callable[[asyncio.AbstractEventLoop], Timers] = LoopTimers,
        metrics: RequestMetrics | None = None,
    ) -> None:
        self.faults = faults
        self.metrics = metrics
        self._settings = settings
        self._make_timers = timers
        self._clock: Clock = clock or SystemClock()
        self._connections: set[ClientConnection] = set()
        self._numbers = itertools.count(1)
        self._acceptor: Acceptor | None = None
        self._quotas = ConnectionQuotas(
            lambda: self.broker.settings, shares_of_descriptors().connections
        )
        self._sweep: TimerHandle | None = None
        self._idle_since_ms = 0
        self._empty = asyncio.Event()
        self._address = ("", 0)

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        host, port = self._address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    @property
    def idle_ms(self) -> int:
        """For how long no client has been connected; 0 while one is."""
        return 0 if self._connections else self._clock.monotonic_ms() - self._idle_since_ms

    async def start(self) -> None:
        """Open the data folder and listen.

        Raises:
            AddressInUseError: the address is taken, or isn't this machine's.
            LockedError: another process has the folder open.
            StorageError: the folder can't be read or written.
        """
        host, port = self._settings.listen_address
        timers = self._make_timers(asyncio.get_running_loop())
        broker = Broker(self._settings, timers=timers, clock=self._clock)
        broker.open()
        self.broker = broker
        acceptor = Acceptor(self._quotas, self._connect)
        try:
            bound = await acceptor.start(host, port)
        except OSError as error:
            broker.close()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise AddressInUseError(
                f"can't listen on {host}:{port}: {reason}; choose another address with --listen, "
                "or stop what uses it",
                address=f"{host}:{port}",
            ) from error
        self._acceptor = acceptor
        self._address = (host, bound)
        advertised = self._settings.advertised_listeners
        if advertised:
            broker.host, broker.port = parse_listener(advertised)
            broker.port = broker.port or bound
        else:
            # Nobody can connect to "every interface"; on one machine its loopback will do.
            anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
            broker.host, broker.port = anywhere.get(host, host), bound
        self._idle_since_ms = self._clock.monotonic_ms()
        self._sweep = broker.timers.call_later(_SWEEP_MS, self._swept)
        logger.info("listening on %s, data in %s", self.address, self._settings.data_dir)

    async def stop(self) -> None:
        """Drain and close; see the module. Harmless when it isn't started."""
        if self._acceptor is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.stop()
        if self._sweep is not None:
            self._sweep.cancel()
        self.broker.drain()
        for connection in list(self._connections):
            connection.drain()
        if self._connections:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), _DRAIN_SECONDS)
            except TimeoutError:
                for connection in list(self._connections):
                    connection.abort()
        self.broker.close()
        logger.info("stopped")

    async def kill(self) -> None:
        """End as a killed process does: nothing is answered, forced to the disk or marked as clean."""
        if self._acceptor is None:
            return
        acceptor, self._acceptor = self._acceptor, None
        await acceptor.stop()
        self.broker.logs.abandon()
        for connection in list(self._connections):
            connection.abort()
        if self._connections:
            self._empty.clear()
            await self._empty.wait()
        logger.info("killed")

    # What connections call.

    def opened(self, connection: ClientConnection) -> None:
        """See `connection.ConnectionOwner`."""
        self._connections.add(connection)

    def closed(self, connection: ClientConnection) -> None:
        """See `connection.ConnectionOwner`."""
        self._connections.discard(connection)
        self._quotas.leave(connection.ip)
        if not self._connections:
            self._idle_since_ms = self._clock.monotonic_ms()
            self._empty.set()

    def _connect(self, ip: str) -> ClientConnection:
        return ClientConnection(self, next(self._numbers), ip)

    def _swept(self) -> None:
        """Close connections that were idle too long, or keep others from memory; take back large buffers."""
        self._sweep = self.broker.timers.call_later(_SWEEP_MS, self._swept)
        now_ms = self._clock.monotonic_ms()
        longest = self.broker.settings.connections_max_idle_ms
        memory = self.broker.memory
        for connection in list(self._connections):
            connection.note_progress(now_ms)
            idle_ms = now_ms - connection.last_used_ms
            if idle_ms >= _STALLED_MS and (
                (memory.is_short and connection.is_half_sent)
                or (memory.is_full_of_answers and connection.stuck)
            ):
                connection.give_up(
                    f"nothing came or went for {idle_ms // 1000} s, and others wait for memory"
                )
            if connection.busy:
                continue
            if idle_ms >= _SWEEP_MS:
                connection.trim()
            if 0 <= longest < idle_ms:
                if connection.stuck:
                    connection.abort()
                else:
                    connection.drain()


async def serve(
    settings: BrokerSettings,
    *,
    ready: Callable[[BrokerServer], Awaitable[None] | None] | None = None,
    stop: asyncio.Event | None = None,
    stopping: Callable[[], None] | None = None,
    idle_exit_ms: int | None = None,
    clock: Clock | None = None,
    faults: Faults | None = None,
    timers: Callable[[asyncio.AbstractEventLoop], Timers] = LoopTimers,
    metrics: RequestMetrics | None = None,
) -> None:
    """Run a broker until `stop` is set or the task is cancelled, then drain it.

    Args:
        settings: where to listen and where the data lies.
        ready: called, and awaited if it returns something to await, once it listens.
        stop: ends it.
        stopping: called when it is about to stop, with the folder still locked.
        idle_exit_ms: also end when no client was connected for so long; None: never.
        clock, faults, timers, metrics: as for `BrokerServer`.

    Raises:
        AddressInUseError, LockedError, StorageError: it can't start; as `BrokerServer.start`.
    """
    server = BrokerServer(settings, clock=clock, faults=faults, timers=timers, metrics=metrics)
    await server.start()
    stopped = stop or asyncio.Event()
    try:
        if ready is not None:
            more = ready(server)
            if more is not None:
                await more
        if idle_exit_ms is None:
            await stopped.wait()
        while idle_exit_ms is not None and not stopped.is_set():
            left_ms = max(1, idle_exit_ms - server.idle_ms)
            try:
                await asyncio.wait_for(stopped.wait(), left_ms / 1000)
            except TimeoutError:
                if server.idle_ms >= idle_exit_ms:
                    logger.info("no client for %d s: stopping", idle_exit_ms // 1000)
                    break
    finally:
        if stopping is not None:
            stopping()
        await server.stop()
