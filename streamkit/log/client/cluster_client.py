"""Connections to a cluster's brokers, and its metadata; on the network thread.

Keeps the connections, refreshes the metadata, finds coordinators and repeats what may succeed
later. A metadata request never creates a topic unless its caller asks for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, TypeVar

from streamkit.errors import BrokerError, NotReachableError
from streamkit.log.client.backoff import Backoff
from streamkit.log.client.cluster import (
    Cluster,
    TopicInfo,
    as_cluster,
    broker_error,
    unknown_topic,
)
from streamkit.log.client.connection import Connection, Features
from streamkit.log.client.settings import ClientSettings
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages import (
    FindCoordinatorRequest,
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)

__all__ = ["GROUP_COORDINATOR", "TRANSACTION_COORDINATOR", "ClusterClient"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_UNKNOWN_TOPIC_SECONDS = 2.0
_TRIES_BEFORE_WARNING = 5
_PASSING = frozenset(
    {
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.LISTENER_NOT_FOUND,
        ErrorCode.REPLICA_NOT_AVAILABLE,
    }
)
GROUP_COORDINATOR = 0
TRANSACTION_COORDINATOR = 1


class ClusterClient:
    """Connections to a cluster's brokers, and its metadata. All on the network thread.

    Connections have a lane beside their broker: what may wait long at the broker (a fetch, a
    join) takes a lane of its own, since a broker answers a connection's requests one by one.

    Args:
        settings: addresses, timeouts, pauses.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self.cluster = Cluster()
        self._connections: dict[tuple[int, str], asyncio.Task[Connection]] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._not_before: dict[str, float] = {}
        self._answered: set[str] = set()
        self._wanted: set[str] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._asked: frozenset[str] = frozenset()  # by the refresh that is under way
        self._refreshed_at = 0.0
        self._coordinators: dict[tuple[int, str], int] = {}
        self._features = Features()
        self._closed = False

    def feature(self, name: str) -> int:
        """The level of a feature that the brokers have agreed on; 0 if unknown. Any thread."""
        return self._features.levels.get(name, 0)

    # Metadata

    def track(self, topics: Iterable[str]) -> None:
        """Topics that every refresh asks for, besides those it is called for."""
        self._wanted.update(topics)

    def untrack(self, topics: Iterable[str]) -> None:
        """Forget topics; what is known of them goes with the next refresh."""
        self._wanted.difference_update(topics)

    @property
    def refreshed_at(self) -> float:
        """Time on the loop's clock of the last metadata answer; 0 before the first."""
        return self._refreshed_at

    async def refresh(self) -> Cluster:
        """Ask for the tracked topics now; callers at the same time share one request, unless
        it was made before their topics were tracked.

        Raises:
            NotReachableError: no broker answers.
        """
        task = self._refreshing
        if task is None or task.done() or not self._wanted <= self._asked:
            self._asked = frozenset(self._wanted)
            task = self._refreshing = asyncio.create_task(self._refresh(sorted(self._asked)))
        await asyncio.shield(task)
        return self.cluster

    async def refresh_all(self) -> Cluster:
        """The cluster with all its topics, beside what is tracked.

        Raises:
            NotReachableError: no broker answers.
        """
        response = await self._ask_metadata(None, create=False)
        return as_cluster(response)

    async def topic(self, name: str, *, deadline: float, create: bool = False) -> TopicInfo:
        """What is known of a topic, waiting until its partitions are known.

        Args:
            name: the topic.
            deadline: on the loop's clock.
            create: let the broker create it, if it is set up to.

        Raises:
            BrokerError: it does not exist, or may not be used.
            NotReachableError: no broker answers before the deadline.
        """
        known = self.cluster.topics.get(name)
        if known is not None:
            return known
        self._wanted.add(name)
        unknown_since: float | None = None

        async def ask() -> TopicInfo:
            nonlocal unknown_since
            if create:
                # Outside of refresh(): only this request may create.
                response = await self._ask_metadata([name], create=True)
                self._merge(response)
            else:
                await self.refresh()
            found = self.cluster.topics.get(name)
            if found is not None:
                return found
            code = self.cluster.errors.get(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
            error = broker_error(code, f"topic {name}", topic_partition=(name, -1))
            if code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                # One created a moment ago may not be known everywhere; longer makes no sense.
                now = asyncio.get_running_loop().time()
                unknown_since = now if unknown_since is None else unknown_since
                error = unknown_topic(name)
                error.retriable = now - unknown_since < _UNKNOWN_TOPIC_SECONDS
            raise error

        try:
            return await self.retrying(ask, deadline=deadline)
        except BrokerError:
            self._wanted.discard(name)
            raise

    async def _refresh(self, names: list[str]) -> None:
        self._merge(await self._ask_metadata(names, create=False), replace=names)

    async def _ask_metadata(self, names: list[str] | None, *, create: bool) -> MetadataResponse:
        request = MetadataRequest(
            topics=None if names is None else [MetadataRequestTopic(name=n) for n in names],
            allow_auto_topic_creation=create,
        )
        response: MetadataResponse = await self.call_any(request)
        return response

    def _merge(self, response: MetadataResponse, replace: Collection[str] = ()) -> None:
        new = as_cluster(response)
        topics, errors = dict(self.cluster.topics), dict(self.cluster.errors)
        for name in replace:
            # A topic without a leader for a moment keeps what was known of it.
            if new.errors.get(name) not in _PASSING:
                topics.pop(name, None)
            errors.pop(name, None)
        topics.update(new.topics)
        errors.update(new.errors)
        for name in new.topics:
            errors.pop(name, None)
        self.cluster = Cluster(
            new.nodes, new.controller_id, topics, errors, new.cluster_id or self.cluster.cluster_id
        )
        self._refreshed_at = asyncio.get_running_loop().time()
        self._close_bootstrap_connections()

    def _close_bootstrap_connections(self) -> None:
        """From now on brokers are called by the addresses that they advertise."""
        for key in [k for k in self._connections if k[0] < 0]:
            connection = _opened(self._connections[key])
            if connection is not None and not connection.under_way and self.cluster.nodes:
                connection.close()
                del self._connections[key]

    # Calls

    async def connection(self, node_id: int, lane: str = "") -> Connection:
        """The open connection to a broker; made if there is none.

        Raises:
            NotReachableError: the broker is not known, or does not answer.
        """
        node = self.cluster.nodes.get(node_id)
        if node is None:
            raise NotReachableError(f"broker {node_id} is not known")
        try:
            return await self._connect((node_id, lane), node.host, node.port)
        except NotReachableError as error:
            if (node.host, node.port) in self.settings.bootstrap:
                raise
            raise NotReachableError(
                f"{error} (the address that broker {node_id} advertises to its clients)"
            ) from error

    async def call(
        self,
        node_id: int,
        request: Any,
        *,
        lane: str = "",
        highest: int | None = None,
        timeout_ms: int | None = None,
    ) -> Any:
        """Send a request to a broker and wait for its response.

        Raises:
            NotReachableError: the broker is not known, or does not answer.
            ProtocolError: no version in common, or a damaged answer.
        """
        connection = await self.connection(node_id, lane)
        version = connection.version_of(type(request), highest=highest)
        return await connection.request(request, version, timeout_ms=timeout_ms)

    async def call_any(self, request: Any, *, highest: int | None = None) -> Any:
        """Send a request to any broker: first those that are connected, last the bootstrap ones.

        Raises:
            NotReachableError: none answers; the message names all that were tried.
        """
        failures: dict[str, str] = {}
        for key, host, port in self._candidates():
            address = f"{host}:{port}"
            if address in failures:
                continue
            try:
                connection = await self._connect(key, host, port)
                version = connection.version_of(type(request), highest=highest)
                return await connection.request(request, version)
            except NotReachableError as error:
                failures[address] = str(error)
        tried = ", ".join(failures.values())
        raise NotReachableError(
            f"no broker answers: {tried}. Is the broker running, and is the address right? "
            "A local one starts with: streamkit broker"
        )

    async def call_controller(self, request: Any) -> Any:
        """Send a request to the controller, or to any broker, which passes it on."""
        if self.cluster.controller_id in self.cluster.nodes:
            return await self.call(self.cluster.controller_id, request)
        return await self.call_any(request)

    async def coordinator(self, key: str, kind: int = GROUP_COORDINATOR) -> int:
        """Node id of the coordinator of a group or a transactional id.

        Raises:
            BrokerError: there is none now, or the caller may not ask.
            NotReachableError: no broker answers.
        """
        known = self._coordinators.get((kind, key))
        if known is not None and known in self.cluster.nodes:
            return known
        if not self.cluster.nodes:
            await self.refresh()
        node_id = await self._find_coordinator(key, kind)
        if node_id not in self.cluster.nodes:
            await self.refresh()
        self._coordinators[(kind, key)] = node_id
        return node_id

    def forget_coordinator(self, key: str, kind: int = GROUP_COORDINATOR) -> None:
        """Look it up again at the next call."""
        self._coordinators.pop((kind, key), None)

    async def call_coordinator(
        self,
        key: str,
        request: Any,
        *,
        kind: int = GROUP_COORDINATOR,
        lane: str = "",
        highest: int | None = None,
        timeout_ms: int | None = None,
    ) -> Any:
        """Send a request to a coordinator; forgets it when it does not answer."""
        node_id = await self.coordinator(key, kind)
        try:
            return await self.call(
                node_id, request, lane=lane, highest=highest, timeout_ms=timeout_ms
            )
        except NotReachableError:
            self.forget_coordinator(key, kind)
            raise

    async def _find_coordinator(self, key: str, kind: int) -> int:
        # Version 3 asks for one key, and every broker since 2.0 serves it.
        response = await self.call_any(FindCoordinatorRequest(key=key, key_type=kind), highest=3)
        if response.error_code != ErrorCode.NONE:
            what = "group" if kind == GROUP_COORDINATOR else "transactional id"
            raise broker_error(response.error_code, f"finding the coordinator of {what} {key}")
        node_id: int = response.node_id
        return node_id

    async def retrying(self, operation: Callable[[], Awaitable[T]], *, deadline: float) -> T:
        """Run an operation until it succeeds, fails for good, or the deadline has passed.

        Args:
            operation: raises what `retriable` says may succeed later.
            deadline: on the loop's clock.

        Raises:
            StreamkitError: the last failure.
        """
        loop = asyncio.get_running_loop()
        backoff = Backoff(
            self.settings.retry_backoff_ms, self.settings.retry_backoff_max_ms, self.settings.random
        )
        failure: BrokerError | NotReachableError | None = None
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await operation()
            except (BrokerError, NotReachableError) as error:
                failure = error
            except TimeoutError:
                raise failure or self._silent() from None
            pause = backoff.next_seconds()
            if not failure.retriable or loop.time() + pause >= deadline:
                raise failure
            _log.debug("trying again: %s", failure)
            await asyncio.sleep(pause)

    def _silent(self) -> NotReachableError:
        nodes = self.cluster.nodes.values()
        known = [f"{n.host}:{n.port}" for n in nodes] or [
            f"{host}:{port}" for host, port in self.settings.bootstrap
        ]
        return NotReachableError(f"no answer in time from {', '.join(known)}")

    def deadline(self, timeout: float | None = None) -> float:
        """`timeout` seconds from now on the loop's clock; None for api_timeout_ms."""
        seconds = self.settings.api_timeout_ms / 1000 if timeout is None else timeout
        return asyncio.get_running_loop().time() + seconds

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._refreshing is not None:
            self._refreshing.cancel()
        tasks, self._connections = list(self._connections.values()), {}
        for task in tasks:
            _dispose(task)
        await asyncio.sleep(0)

    def _candidates(self) -> list[tuple[tuple[int, str], str, int]]:
        nodes = list(self.cluster.nodes.values())
        self.settings.random.shuffle(nodes)
        nodes.sort(key=lambda n: not self._is_open((n.id, "")))
        known = [((n.id, ""), n.host, n.port) for n in nodes]
        # Bootstrap addresses have no node id yet: they get negative ones.
        return known + [
            ((-1 - i, ""), host, port) for i, (host, port) in enumerate(self.settings.bootstrap)
        ]

    def _is_open(self, key: tuple[int, str]) -> bool:
        task = self._connections.get(key)
        return _opened(task) is not None if task is not None else False

    async def _connect(self, key: tuple[int, str], host: str, port: int) -> Connection:
        if self._closed:
            raise NotReachableError(f"{host}:{port}: the client is closed")
        task = self._connections.get(key)
        if task is not None and task.done() and _opened(task) is None:
            task = None
        if task is None:
            task = asyncio.create_task(self._open(f"{host}:{port}", host, port))
            task.add_done_callback(_retrieve)
            self._connections[key] = task
        # Shielded: others may wait for the same connection.
        return await asyncio.shield(task)

    async def _open(self, address: str, host: str, port: int) -> Connection:
        loop = asyncio.get_running_loop()
        pause = self._not_before.get(address, 0.0) - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        backoff = self._backoffs.get(address)
        if backoff is None:
            backoff = self._backoffs[address] = Backoff(
                self.settings.reconnect_backoff_ms,
                self.settings.reconnect_backoff_max_ms,
                self.settings.random,
            )
        # Set before the attempt and also after a success: a broker that accepts and hangs up
        # is not called in a tight loop either.
        self._not_before[address] = loop.time() + backoff.next_seconds()
        try:
            connection = await Connection.open(host, port, self.settings)
        except NotReachableError as error:
            if address in self._answered and backoff.attempts == _TRIES_BEFORE_WARNING:
                _log.warning("no broker answers any more, trying again: %s", error)
            raise
        if self._closed:
            connection.close()
            raise NotReachableError(f"{address}: the client is closed")
        if backoff.attempts > _TRIES_BEFORE_WARNING and address in self._answered:
            _log.warning("%s answers again", address)
        self._answered.add(address)
        if connection.features.epoch >= self._features.epoch:
            self._features = connection.features
        backoff.reset()
        return connection


def _opened(task: asyncio.Task[Connection]) -> Connection | None:
    """The connection that a task has made, if it is open; None also while it is being made."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    connection = task.result()
    return connection if connection.is_open else None


def _retrieve(task: asyncio.Task[Connection]) -> None:
    """Those who waited may be gone; asyncio then complains that nobody saw the failure."""
    if not task.cancelled():
        task.exception()


def _dispose(task: asyncio.Task[Connection]) -> None:
    if not task.done():
        task.cancel()
        return
    connection = _opened(task)
    if connection is not None:
        connection.close()
