"""Listening sockets, and how many connections they let in, as Apache Kafka does it.

| setting | beyond it |
| --- | --- |
| `max.connections` | nobody is accepted until a connection has gone; who connects waits in the system's queue |
| the process's file descriptors, see `descriptors` | the same |
| `max.connections.per.ip`, `max.connections.per.ip.overrides` | the connection is closed at once |

Without file descriptors nobody is accepted for a second.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable

from streamkit.log.broker.settings import BrokerSettings

__all__ = ["Acceptor", "ConnectionQuotas"]

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY_SECONDS = 1.0
_ATTEMPTS = 5


class ConnectionQuotas:
    """Who is connected, and who may be.

    Args:
        settings: those in force now.
        most: connections that there are descriptors for.
    """

    def __init__(self, settings: Callable[[], BrokerSettings], most: int) -> None:
        self._settings = settings
        self._most = most
        self._by_ip: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def total(self) -> int:
        """Connections that are open."""
        return self._by_ip.total()

    async def wait_for_slot(self) -> None:
        """Return when one more connection may be open."""
        if self.total >= self._limit():
            logger.warning(
                "%d connections (%s): nobody is let in until one has gone",
                self.total,
                "max.connections"
                if self._limit() < self._most
                else "the process may have no more open files, see ulimit -n",
            )
        while self.total >= self._limit():
            # No `wait_for`: before Python 3.12 it loses a cancellation that comes with the result.
            loop = asyncio.get_running_loop()
            freed = loop.create_future()
            self._waiting.append(freed)
            # The setting may change while nobody goes.
            timer = loop.call_later(_RETRY_SECONDS, _wake, freed)
            try:
                await freed
            finally:
                timer.cancel()
                self._waiting.remove(freed)

    def _limit(self) -> int:
        return min(self._settings().max_connections, self._most)

    def enter(self, ip: str) -> bool:
        """Note a connection from `ip`; False: it has too many, and this one isn't noted."""
        settings = self._settings()
        limit = settings.connections_per_ip.get(ip, settings.max_connections_per_ip)
        if self._by_ip[ip] >= limit:
            logger.info(
                "closing the connection of /%s: it has %d already (max.connections.per.ip)",
                ip,
                limit,
            )
            return False
        self._by_ip[ip] += 1
        return True

    def leave(self, ip: str) -> None:
        """A connection from `ip` has gone."""
        self._by_ip[ip] -= 1
        if self._by_ip[ip] <= 0:
            del self._by_ip[ip]
        for freed in self._waiting:
            _wake(freed)


def _wake(freed: asyncio.Future[None]) -> None:
    if not freed.done():
        freed.set_result(None)


class Acceptor:
    """Listens on an address and makes connections. On the loop that it is used on.

    Args:
        quotas: decide who is let in.
        connect: makes the protocol of a connection from an IP address; whoever makes it lets it leave
            the quotas when it is lost.
    """

    def __init__(
        self, quotas: ConnectionQuotas, connect: Callable[[str], asyncio.BufferedProtocol]
    ) -> None:
        self._quotas = quotas
        self._connect = connect
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Listen on every address that `host` stands for; the port.

        Raises:
            OSError: it is taken, or not this machine's.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await self._listen(host, port)
            except OSError as error:
                # A free port of one of the host's addresses may be taken at another.
                if port or error.errno != errno.EADDRINUSE or attempt == _ATTEMPTS - 1:
                    raise
        return port

    async def _listen(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                listening = socket.socket(family, socket.SOCK_STREAM)
                self._sockets.append(listening)
                listening.setblocking(False)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind((address[0], port, *address[2:]))
                listening.listen(_BACKLOG)
                port = listening.getsockname()[1]
        except OSError:
            self._close_sockets()
            raise
        self._tasks = [loop.create_task(self._accept(each)) for each in self._sockets]
        return port

    async def stop(self) -> None:
        """Listen no more; connections stay."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close_sockets()

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    logger.error("no connection can be accepted: %s", error.strerror)
                    await asyncio.sleep(_RETRY_SECONDS)
                continue
            try:
                await self._quotas.wait_for_slot()
            except asyncio.CancelledError:
                accepted.close()
                raise
            if self._quotas.enter(address[0]):
                await self._attach(accepted, address[0])
            else:
                accepted.close()

    async def _attach(self, accepted: socket.socket, ip: str) -> None:
        """Make a connection of a socket, which is the connection's from now on."""
        connection = self._connect(ip)
        loop = asyncio.get_running_loop()
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError as error:
            logger.info("the connection of /%s is gone already: %s", ip, error)
            self._quotas.leave(ip)
            accepted.close()
