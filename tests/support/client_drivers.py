"""Three Kafka clients of Python behind one face, so that one suite judges a broker with each of them.

A driver says what a test wants in its client's own words and adds nothing: retries, rebalances and errors are the
client's. `RefusedError` carries the error code that the client reports, by Kafka's name.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiokafka
import aiokafka.admin
import aiokafka.errors
import aiokafka.structs
import confluent_kafka as ck
import confluent_kafka.admin
from aiokafka.coordinator.assignors.range import RangePartitionAssignor as AioRange
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor as AioRoundRobin
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyPartitionAssignor as AioSticky,
)

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka
    import kafka.codec
    import kafka.errors
    import kafka.structs
    from kafka.coordinator.assignors.cooperative_sticky import (
        CooperativeStickyAssignor as KpCooperative,
    )
    from kafka.coordinator.assignors.range import RangePartitionAssignor as KpRange
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor as KpRoundRobin
    from kafka.coordinator.assignors.sticky.sticky_assignor import (
        StickyPartitionAssignor as KpSticky,
    )

T = TypeVar("T")
_ck_admin: Any = confluent_kafka.admin
"""Its names are not declared as exported."""
TIMEOUT_S = 20.0
SESSION_MS = 2_500


@dataclass(frozen=True)
class Message:
    """A record as it went in or came out; partition -1 lets the client choose."""

    value: bytes | None
    key: bytes | None = None
    partition: int = 0
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    offset: int = -1


class RefusedError(Exception):
    """The client reports an error of the broker.

    Attributes:
        name: of the error code, as in `TOPIC_ALREADY_EXISTS`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Member(Protocol):
    """A consumer in a group."""

    def poll(self) -> list[Message]:
        """What has come; takes part in rebalances."""
        ...

    def assignment(self) -> set[int]: ...

    def commit(self) -> None:
        """Commit what was polled, and wait for the answer."""
        ...

    def close(self) -> None: ...


class Transaction(Protocol):
    """A producer that has begun a transaction."""

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        """Send to partition 0 and wait until it is there."""
        ...

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None: ...

    def commit(self) -> None:
        """Commit, and begin the next one."""
        ...

    def abort(self) -> None:
        """Abort, and begin the next one."""
        ...

    def close(self) -> None: ...


class Driver(Protocol):
    """One client library."""

    @property
    def name(self) -> str: ...

    @property
    def codecs(self) -> tuple[str, ...]: ...

    @property
    def null_headers(self) -> bool:
        """Whether it can send headers without a value."""
        ...

    @property
    def assignors(self) -> tuple[str, ...]: ...

    def create_topic(
        self, topic: str, partitions: int, configs: Mapping[str, str] | None = None
    ) -> None: ...

    def delete_topic(self, topic: str) -> None: ...

    def topics(self) -> dict[str, int]:
        """Names with their numbers of partitions."""
        ...

    def topic_configs(self, topic: str) -> dict[str, str | None]: ...

    def produce(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[int, int]]:
        """Send and wait: partition and offset of each."""
        ...

    def read(
        self, topic: str, partitions: Iterable[int], count: int, *, committed: bool = False
    ) -> list[Message]:
        """`count` records from the beginning of the partitions, without a group.

        With `committed`, only those outside of transactions and in committed ones.
        """
        ...

    def transaction(self, transactional_id: str) -> Transaction:
        """A producer of transactions, which fences earlier ones of the same id."""
        ...

    def offsets_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None: ...

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]: ...

    def member(
        self, group: str, topic: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Member: ...

    def committed(self, group: str, topic: str, partition: int) -> tuple[int, str] | None:
        """Offset and metadata."""
        ...

    def commit_offset(
        self, group: str, topic: str, partition: int, offset: int, metadata: str
    ) -> None:
        """Commit as a consumer without a group does."""
        ...

    def close(self) -> None: ...


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Call `condition` until it holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"


# confluent-kafka (librdkafka)


class ConfluentMember:
    def __init__(
        self, bootstrap: str, group: str, topic: str, assignor: str, instance_id: str | None
    ) -> None:
        settings: dict[str, object] = {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": 200,
            "partition.assignment.strategy": assignor,
            "fetch.wait.max.ms": 50,
        }
        if instance_id is not None:
            settings["group.instance.id"] = instance_id
        self._consumer = ck.Consumer(settings)
        self._consumer.subscribe([topic])

    def poll(self) -> list[Message]:
        found = []
        message = self._consumer.poll(0.05)
        while message is not None:
            error = message.error()
            if error is not None:
                raise RefusedError(error.name().lstrip("_"))
            found.append(_from_confluent(message))
            message = self._consumer.poll(0)
        return found

    def assignment(self) -> set[int]:
        return {tp.partition for tp in self._consumer.assignment()}

    def commit(self) -> None:
        self._consumer.commit(asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


class ConfluentTransaction:
    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._bootstrap = bootstrap
        self._producer = ck.Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": transactional_id,
                "linger.ms": 1,
                "log_level": 0,
            }
        )
        self._call(self._producer.init_transactions, TIMEOUT_S)
        self._call(self._producer.begin_transaction)

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        for value in values:
            self._producer.produce(topic, value, partition=0)
        assert self._producer.flush(TIMEOUT_S) == 0

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        consumer = ck.Consumer({"bootstrap.servers": self._bootstrap, "group.id": group})
        try:
            position = ck.TopicPartition(topic, partition, offset)
            metadata = consumer.consumer_group_metadata()
            self._call(self._producer.send_offsets_to_transaction, [position], metadata, TIMEOUT_S)
        finally:
            consumer.close()

    def commit(self) -> None:
        self._call(self._producer.commit_transaction, TIMEOUT_S)
        self._call(self._producer.begin_transaction)

    def abort(self) -> None:
        self._call(self._producer.abort_transaction, TIMEOUT_S)
        self._call(self._producer.begin_transaction)

    def close(self) -> None:
        pass

    @staticmethod
    def _call(call: Callable[..., Any], *arguments: object) -> None:
        try:
            call(*arguments)
        except ck.KafkaException as error:
            raise RefusedError(error.args[0].name().lstrip("_")) from error


class Confluent:
    name = "confluent-kafka"
    null_headers = True
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    assignors = ("range", "roundrobin", "cooperative-sticky")

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = _ck_admin.AdminClient({"bootstrap.servers": bootstrap})

    def create_topic(
        self, topic: str, partitions: int, configs: Mapping[str, str] | None = None
    ) -> None:
        new = _ck_admin.NewTopic(
            topic, num_partitions=partitions, replication_factor=1, config=dict(configs or {})
        )
        self._result(self._admin.create_topics([new])[topic])

    def delete_topic(self, topic: str) -> None:
        self._result(self._admin.delete_topics([topic])[topic])

    def topics(self) -> dict[str, int]:
        found = self._admin.list_topics(timeout=TIMEOUT_S).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def topic_configs(self, topic: str) -> dict[str, str | None]:
        resource = _ck_admin.ConfigResource(_ck_admin.ResourceType.TOPIC, topic)
        found = self._result(self._admin.describe_configs([resource])[resource])
        return {name: entry.value for name, entry in found.items()}

    def produce(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[int, int]]:
        producer = ck.Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "compression.type": codec,
                "acks": acks,
                "enable.idempotence": idempotent,
                "linger.ms": 5,
                "message.timeout.ms": int(TIMEOUT_S * 1000),
                **(settings or {}),
            }
        )
        delivered: dict[int, tuple[int, int]] = {}
        errors: list[str] = []

        def on_delivery(index: int) -> Callable[[Any, Any], None]:
            def done(error: Any, message: Any) -> None:
                if error is not None:
                    errors.append(error.name().lstrip("_"))
                else:
                    delivered[index] = (message.partition(), message.offset())

            return done

        for index, message in enumerate(messages):
            producer.produce(
                topic,
                message.value,
                key=message.key,
                partition=message.partition,
                timestamp=message.timestamp_ms or 0,
                headers=list(message.headers),
                on_delivery=on_delivery(index),
            )
        assert producer.flush(TIMEOUT_S) == 0
        if errors:
            raise RefusedError(errors[0])
        return [delivered[index] for index in range(len(messages))]

    def read(
        self, topic: str, partitions: Iterable[int], count: int, *, committed: bool = False
    ) -> list[Message]:
        consumer = self._consumer(committed=committed)
        try:
            consumer.assign([ck.TopicPartition(topic, p, ck.OFFSET_BEGINNING) for p in partitions])
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while len(found) < count and time.monotonic() < deadline:
                for message in consumer.consume(count, 0.1):
                    if message.error():
                        raise RefusedError(message.error().name().lstrip("_"))
                    found.append(_from_confluent(message))
            return found
        finally:
            consumer.close()

    def offsets_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        consumer = self._consumer()
        try:
            wanted = [ck.TopicPartition(topic, partition, timestamp_ms)]
            (found,) = consumer.offsets_for_times(wanted, timeout=TIMEOUT_S)
            return found.offset if found.offset >= 0 else None
        finally:
            consumer.close()

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        consumer = self._consumer()
        try:
            low, high = consumer.get_watermark_offsets(
                ck.TopicPartition(topic, partition), timeout=TIMEOUT_S
            )
            return low, high
        finally:
            consumer.close()

    def transaction(self, transactional_id: str) -> Transaction:
        return ConfluentTransaction(self._bootstrap, transactional_id)

    def member(
        self, group: str, topic: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Member:
        return ConfluentMember(self._bootstrap, group, topic, assignor, instance_id)

    def committed(self, group: str, topic: str, partition: int) -> tuple[int, str] | None:
        consumer = self._consumer(group)
        try:
            wanted = [ck.TopicPartition(topic, partition)]
            (found,) = consumer.committed(wanted, timeout=TIMEOUT_S)
            return (found.offset, found.metadata or "") if found.offset >= 0 else None
        finally:
            consumer.close()

    def commit_offset(
        self, group: str, topic: str, partition: int, offset: int, metadata: str
    ) -> None:
        consumer = self._consumer(group)
        try:
            position = ck.TopicPartition(topic, partition, offset, metadata)
            (done,) = consumer.commit(offsets=[position], asynchronous=False)
            if done.error is not None:
                raise RefusedError(done.error.name())
        except ck.KafkaException as error:
            raise RefusedError(error.args[0].name().lstrip("_")) from error
        finally:
            consumer.close()

    def close(self) -> None:
        pass

    def _consumer(self, group: str = "none", *, committed: bool = False) -> Any:
        return ck.Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
            }
        )

    @staticmethod
    def _result(future: Any) -> Any:
        try:
            return future.result(TIMEOUT_S)
        except ck.KafkaException as error:
            raise RefusedError(error.args[0].name().lstrip("_")) from error


def _from_confluent(message: Any) -> Message:
    _, timestamp_ms = message.timestamp()
    return Message(
        message.value(),
        message.key(),
        message.partition(),
        timestamp_ms,
        tuple(message.headers() or ()),
        message.offset(),
    )


# kafka-python

_KP_ASSIGNORS = {
    "range": KpRange,
    "roundrobin": KpRoundRobin,
    "sticky": KpSticky,
    "cooperative-sticky": KpCooperative,
}


class KafkaPythonMember:
    """On a thread of its own: a poll that times out in the middle of a rebalance may lose the assignment
    (kafka-python 3.0), so polls must be long, and members must poll at the same time.
    """

    def __init__(
        self, bootstrap: str, group: str, topic: str, assignor: str, instance_id: str | None
    ) -> None:
        self._consumer = kafka.KafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            group_instance_id=instance_id,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=200,
            partition_assignment_strategy=[_KP_ASSIGNORS[assignor]],
            fetch_max_wait_ms=50,
            retry_backoff_ms=20,
        )
        self._found: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def poll(self) -> list[Message]:
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._found.get(timeout=0.05))
            while True:
                found.append(self._found.get_nowait())
        return found

    def assignment(self) -> set[int]:
        return {tp.partition for tp in self._consumer.assignment()}

    def commit(self) -> None:
        self._call(self._consumer.commit)

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._consumer.close(autocommit=False)

    def _call(self, call: Callable[[], Any]) -> Any:
        answer: Future[Any] = Future()
        self._calls.put((call, answer))
        return answer.result(TIMEOUT_S)

    def _run(self) -> None:
        while not self._closed:
            for batch in self._consumer.poll(timeout_ms=400).values():
                for record in batch:
                    self._found.put(_from_kafka_python(record))
            while not self._calls.empty():
                call, answer = self._calls.get()
                try:
                    answer.set_result(call())
                except Exception as error:  # noqa: BLE001
                    answer.set_exception(error)


class KafkaPythonTransaction:
    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=transactional_id, linger_ms=1
        )
        with _kafka_python_errors():
            self._producer.init_transactions()
            self._producer.begin_transaction()

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        with _kafka_python_errors():
            for future in [self._producer.send(topic, value, partition=0) for value in values]:
                future.get(TIMEOUT_S)

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        with _kafka_python_errors():
            self._producer.send_offsets_to_transaction(
                {tp: kafka.structs.OffsetAndMetadata(offset, "", -1)}, group
            )

    def commit(self) -> None:
        with _kafka_python_errors():
            self._producer.commit_transaction()
            self._producer.begin_transaction()

    def abort(self) -> None:
        with _kafka_python_errors():
            self._producer.abort_transaction()
            self._producer.begin_transaction()

    def close(self) -> None:
        self._producer.close(timeout=0)


class KafkaPython:
    name = "kafka-python"
    codecs = (
        "none",
        "gzip",
        *(name for name in ("snappy", "lz4", "zstd") if getattr(kafka.codec, f"has_{name}")()),
    )
    null_headers = False
    assignors = ("range", "roundrobin", "sticky", "cooperative-sticky")

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin_client: Any = None

    @property
    def _admin(self) -> Any:
        if self._admin_client is None:
            self._admin_client = kafka.KafkaAdminClient(bootstrap_servers=self._bootstrap)
        return self._admin_client

    def create_topic(
        self, topic: str, partitions: int, configs: Mapping[str, str] | None = None
    ) -> None:
        new = kafka.admin.NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))
        with _kafka_python_errors():
            self._admin.create_topics([new])

    def delete_topic(self, topic: str) -> None:
        with _kafka_python_errors():
            self._admin.delete_topics([topic])

    def topics(self) -> dict[str, int]:
        return {t["name"]: len(t["partitions"]) for t in self._admin.describe_topics()}

    def topic_configs(self, topic: str) -> dict[str, str | None]:
        resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, topic)
        found = self._admin.describe_configs([resource], config_filter="all")
        return _kafka_python_configs(found)

    def produce(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[int, int]]:
        producer = kafka.KafkaProducer(
            bootstrap_servers=self._bootstrap,
            compression_type=None if codec == "none" else codec,
            acks="all" if acks == "all" else int(acks),
            enable_idempotence=idempotent,
            linger_ms=5,
            **(settings or {}),
        )
        try:
            futures = [
                producer.send(
                    topic,
                    value=message.value,
                    key=message.key,
                    partition=None if message.partition < 0 else message.partition,
                    timestamp_ms=message.timestamp_ms,
                    headers=list(message.headers),
                )
                for message in messages
            ]
            with _kafka_python_errors():
                done = [future.get(TIMEOUT_S) for future in futures]
            return [(metadata.partition, metadata.offset) for metadata in done]
        finally:
            producer.close()

    def read(
        self, topic: str, partitions: Iterable[int], count: int, *, committed: bool = False
    ) -> list[Message]:
        consumer = self._consumer(committed=committed)
        try:
            assigned = [kafka.structs.TopicPartition(topic, p) for p in partitions]
            consumer.assign(assigned)
            consumer.seek_to_beginning(*assigned)
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while len(found) < count and time.monotonic() < deadline:
                for batch in consumer.poll(timeout_ms=100).values():
                    found.extend(_from_kafka_python(record) for record in batch)
            return found
        finally:
            consumer.close(autocommit=False)

    def offsets_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        consumer = self._consumer()
        try:
            tp = kafka.structs.TopicPartition(topic, partition)
            found = consumer.offsets_for_times({tp: timestamp_ms})[tp]
            return None if found is None else found.offset
        finally:
            consumer.close(autocommit=False)

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        consumer = self._consumer()
        try:
            tp = kafka.structs.TopicPartition(topic, partition)
            return consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
        finally:
            consumer.close(autocommit=False)

    def transaction(self, transactional_id: str) -> Transaction:
        return KafkaPythonTransaction(self._bootstrap, transactional_id)

    def member(
        self, group: str, topic: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Member:
        return KafkaPythonMember(self._bootstrap, group, topic, assignor, instance_id)

    def committed(self, group: str, topic: str, partition: int) -> tuple[int, str] | None:
        consumer = self._consumer(group)
        try:
            tp = kafka.structs.TopicPartition(topic, partition)
            found = consumer.committed(tp, metadata=True)
            return None if found is None else (found.offset, found.metadata)
        finally:
            consumer.close(autocommit=False)

    def commit_offset(
        self, group: str, topic: str, partition: int, offset: int, metadata: str
    ) -> None:
        consumer = self._consumer(group)
        try:
            tp = kafka.structs.TopicPartition(topic, partition)
            consumer.assign([tp])
            with _kafka_python_errors():
                consumer.commit({tp: kafka.structs.OffsetAndMetadata(offset, metadata, -1)})
        finally:
            consumer.close(autocommit=False)

    def close(self) -> None:
        if self._admin_client is not None:
            self._admin_client.close()

    def _consumer(self, group: str | None = None, *, committed: bool = False) -> Any:
        return kafka.KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            isolation_level="read_committed" if committed else "read_uncommitted",
        )


class _kafka_python_errors:  # noqa: N801
    """Turns the client's exceptions into `RefusedError`."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, kafka.errors.KafkaError):
            raise RefusedError(_code_name(getattr(error, "errno", None), error)) from error


def _kafka_python_configs(found: Any) -> dict[str, str | None]:
    """Whatever shape the answer has, the values by name."""
    if isinstance(found, Mapping):
        (entries,) = found.values()
        if isinstance(entries, Mapping):
            inner = next(iter(entries.values()))
            if isinstance(inner, Mapping) and "value" not in inner:
                (entries,) = entries.values()
            return {
                name: entry["value"] if isinstance(entry, Mapping) else entry
                for name, entry in entries.items()
            }
    raise AssertionError(f"unexpected answer {found!r}")


def _from_kafka_python(record: Any) -> Message:
    return Message(
        record.value,
        record.key,
        record.partition,
        record.timestamp,
        tuple(record.headers),
        record.offset,
    )


# aiokafka

_AIO_ASSIGNORS = {"range": AioRange, "roundrobin": AioRoundRobin, "sticky": AioSticky}


class _Loop:
    """An event loop on a thread: aiokafka's members send their heartbeats from it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(2 * TIMEOUT_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class AiokafkaMember:
    def __init__(
        self,
        loop: _Loop,
        bootstrap: str,
        group: str,
        topic: str,
        assignor: str,
        instance_id: str | None,
    ) -> None:
        self._loop = loop
        self._consumer = loop.run(self._start(bootstrap, group, topic, assignor, instance_id))

    async def _start(
        self, bootstrap: str, group: str, topic: str, assignor: str, instance_id: str | None
    ) -> Any:
        consumer = aiokafka.AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=group,
            group_instance_id=instance_id,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=200,
            partition_assignment_strategy=[_AIO_ASSIGNORS[assignor]],
            fetch_max_wait_ms=50,
        )
        await consumer.start()
        return consumer

    def poll(self) -> list[Message]:
        batches = self._loop.run(self._consumer.getmany(timeout_ms=50))
        return [_from_kafka_python(record) for batch in batches.values() for record in batch]

    def assignment(self) -> set[int]:
        return {tp.partition for tp in self._consumer.assignment()}

    def commit(self) -> None:
        self._loop.run(self._consumer.commit())

    def close(self) -> None:
        self._loop.run(self._consumer.stop())


class AiokafkaTransaction:
    def __init__(self, loop: _Loop, bootstrap: str, transactional_id: str) -> None:
        self._loop = loop
        self._producer = loop.run(self._start(bootstrap, transactional_id))

    async def _start(self, bootstrap: str, transactional_id: str) -> Any:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=transactional_id, linger_ms=1
        )
        await producer.start()
        await producer.begin_transaction()
        return producer

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        async def run() -> None:
            futures = [await self._producer.send(topic, value, partition=0) for value in values]
            await asyncio.gather(*futures)

        self._run(run())

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        tp = aiokafka.structs.TopicPartition(topic, partition)
        self._run(self._producer.send_offsets_to_transaction({tp: offset}, group))

    def commit(self) -> None:
        self._run(self._producer.commit_transaction())
        self._run(self._producer.begin_transaction())

    def abort(self) -> None:
        self._run(self._producer.abort_transaction())
        self._run(self._producer.begin_transaction())

    def close(self) -> None:
        with contextlib.suppress(RefusedError):
            self._run(self._producer.stop())

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(call)
        except aiokafka.errors.KafkaError as error:
            raise RefusedError(_code_name(getattr(error, "errno", None), error)) from error


class Aiokafka:
    name = "aiokafka"
    null_headers = True
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    assignors = ("range", "roundrobin", "sticky")

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._loop = _Loop()

    def create_topic(
        self, topic: str, partitions: int, configs: Mapping[str, str] | None = None
    ) -> None:
        new = aiokafka.admin.NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))
        self._check(self._with_admin(lambda admin: admin.create_topics([new])).topic_errors)

    def delete_topic(self, topic: str) -> None:
        answer = self._with_admin(lambda admin: admin.delete_topics([topic]))
        self._check(answer.topic_error_codes)

    def topics(self) -> dict[str, int]:
        found = self._with_admin(lambda admin: admin.describe_topics())
        return {topic["topic"]: len(topic["partitions"]) for topic in found}

    def topic_configs(self, topic: str) -> dict[str, str | None]:
        resource = aiokafka.admin.config_resource.ConfigResource(
            aiokafka.admin.config_resource.ConfigResourceType.TOPIC, topic
        )
        (answer,) = self._with_admin(lambda admin: admin.describe_configs([resource]))
        ((_, _, _, _, entries),) = answer.resources
        return {entry[0]: entry[1] for entry in entries}

    def produce(
        self,
        topic: str,
        messages: Sequence[Message],
        *,
        codec: str = "none",
        acks: str = "all",
        idempotent: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> list[tuple[int, int]]:
        async def run() -> list[tuple[int, int]]:
            producer = aiokafka.AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                compression_type=None if codec == "none" else codec,
                acks="all" if acks == "all" else int(acks),
                enable_idempotence=idempotent,
                linger_ms=5,
                **(settings or {}),
            )
            await producer.start()
            try:
                futures = [
                    await producer.send(
                        topic,
                        value=message.value,
                        key=message.key,
                        partition=None if message.partition < 0 else message.partition,
                        timestamp_ms=message.timestamp_ms,
                        headers=list(message.headers),
                    )
                    for message in messages
                ]
                done = await asyncio.gather(*futures)
                return [] if acks == "0" else [(sent.partition, sent.offset) for sent in done]
            except aiokafka.errors.KafkaError as error:
                raise RefusedError(_code_name(getattr(error, "errno", None), error)) from error
            finally:
                await producer.stop()

        return self._loop.run(run())

    def read(
        self, topic: str, partitions: Iterable[int], count: int, *, committed: bool = False
    ) -> list[Message]:
        async def run(consumer: Any) -> list[Message]:
            assigned = [aiokafka.structs.TopicPartition(topic, p) for p in partitions]
            consumer.assign(assigned)
            await consumer.seek_to_beginning(*assigned)
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while len(found) < count and time.monotonic() < deadline:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(_from_kafka_python(record) for record in batch)
            return found

        return self._with_consumer(run, committed=committed)

    def offsets_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        tp = aiokafka.structs.TopicPartition(topic, partition)

        async def run(consumer: Any) -> int | None:
            found = (await consumer.offsets_for_times({tp: timestamp_ms}))[tp]
            return None if found is None else found.offset

        return self._with_consumer(run)

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        tp = aiokafka.structs.TopicPartition(topic, partition)

        async def run(consumer: Any) -> tuple[int, int]:
            low = await consumer.beginning_offsets([tp])
            high = await consumer.end_offsets([tp])
            return low[tp], high[tp]

        return self._with_consumer(run)

    def transaction(self, transactional_id: str) -> Transaction:
        return AiokafkaTransaction(self._loop, self._bootstrap, transactional_id)

    def member(
        self, group: str, topic: str, *, assignor: str = "range", instance_id: str | None = None
    ) -> Member:
        return AiokafkaMember(self._loop, self._bootstrap, group, topic, assignor, instance_id)

    def committed(self, group: str, topic: str, partition: int) -> tuple[int, str] | None:
        tp = aiokafka.structs.TopicPartition(topic, partition)
        found = self._with_admin(lambda admin: admin.list_consumer_group_offsets(group))
        return (found[tp].offset, found[tp].metadata) if tp in found else None

    def commit_offset(
        self, group: str, topic: str, partition: int, offset: int, metadata: str
    ) -> None:
        tp = aiokafka.structs.TopicPartition(topic, partition)

        async def run(consumer: Any) -> None:
            consumer.assign([tp])
            try:
                await consumer.commit({tp: (offset, metadata)})
            except aiokafka.errors.KafkaError as error:
                raise RefusedError(_code_name(getattr(error, "errno", None), error)) from error

        self._with_consumer(run, group)

    def close(self) -> None:
        self._loop.close()

    def _with_admin(self, use: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            await admin.start()
            try:
                return await use(admin)
            finally:
                await admin.close()

        return self._loop.run(run())

    def _with_consumer(
        self,
        use: Callable[[Any], Coroutine[Any, Any, T]],
        group: str | None = None,
        *,
        committed: bool = False,
    ) -> T:
        async def run() -> T:
            consumer = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
                isolation_level="read_committed" if committed else "read_uncommitted",
            )
            await consumer.start()
            try:
                return await use(consumer)
            finally:
                await consumer.stop()

        return self._loop.run(run())

    @staticmethod
    def _check(errors: Iterable[Sequence[Any]]) -> None:
        for error in errors:
            if error[1]:
                raise RefusedError(_code_name(error[1], error))


def _code_name(code: int | None, error: object) -> str:
    """Kafka's name of an error code, from a list that is not ours."""
    if code is None:
        return type(error).__name__
    return str(ck.KafkaError(code).name())


DRIVERS: dict[str, Callable[[str], Driver]] = {
    "confluent-kafka": Confluent,
    "kafka-python": KafkaPython,
    "aiokafka": Aiokafka,
}
