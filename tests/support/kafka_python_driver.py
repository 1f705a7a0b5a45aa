"""kafka-python as a driver."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from client_admin import Administrator
from client_driver import (
    SESSION_MS,
    TIMEOUT_S,
    USUAL,
    Fetch,
    Member,
    Message,
    RefusedError,
    Transaction,
    enough,
)
from kafka_python_admin import KafkaPythonAdmin, configs_by_name, refusals

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
    def __init__(self, bootstrap: str, transactional_id: str, timeout_ms: int) -> None:
        self._producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            linger_ms=1,
        )
        try:
            with refusals():
                self._producer.init_transactions()
                self._producer.begin_transaction()
        except RefusedError:
            self.close()
            raise

    def send(self, topic: str, values: Sequence[bytes]) -> None:
        with refusals():
            for future in [self._producer.send(topic, value, partition=0) for value in values]:
                future.get(TIMEOUT_S)

    def send_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        with refusals():
            self._producer.send_offsets_to_transaction(
                {tp: kafka.structs.OffsetAndMetadata(offset, "", -1)}, group
            )

    def commit(self) -> None:
        with refusals():
            self._producer.commit_transaction()
            self._producer.begin_transaction()

    def abort(self) -> None:
        with refusals():
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
        with refusals():
            self._admin.create_topics([new])

    def delete_topic(self, topic: str) -> None:
        with refusals():
            self._admin.delete_topics([topic])

    def topics(self) -> dict[str, int]:
        return {t["name"]: len(t["partitions"]) for t in self._admin.describe_topics()}

    def topic_configs(self, topic: str) -> dict[str, str | None]:
        resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, topic)
        found = self._admin.describe_configs([resource], config_filter="all")
        return configs_by_name(found)

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
            with refusals():
                done = [future.get(TIMEOUT_S) for future in futures]
            return [(metadata.partition, metadata.offset) for metadata in done]
        finally:
            producer.close()

    def size_settings(self, max_bytes: int) -> dict[str, object]:
        return {"max_request_size": max_bytes}

    def read(
        self,
        topic: str,
        partitions: Iterable[int],
        count: int,
        *,
        committed: bool = False,
        fetch: Fetch = USUAL,
        start: int | None = None,
        last: int | None = None,
    ) -> list[Message]:
        consumer = self._consumer(committed=committed, fetch=fetch)
        try:
            assigned = [kafka.structs.TopicPartition(topic, p) for p in partitions]
            consumer.assign(assigned)
            if start is None:
                consumer.seek_to_beginning(*assigned)
            else:
                for tp in assigned:
                    consumer.seek(tp, start)
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while not enough(found, count, last) and time.monotonic() < deadline:
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

    def transaction(self, transactional_id: str, *, timeout_ms: int = 60_000) -> Transaction:
        return KafkaPythonTransaction(self._bootstrap, transactional_id, timeout_ms)

    def admin(self) -> Administrator:
        return KafkaPythonAdmin(self._admin)

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
            with refusals():
                consumer.commit({tp: kafka.structs.OffsetAndMetadata(offset, metadata, -1)})
        finally:
            consumer.close(autocommit=False)

    def close(self) -> None:
        if self._admin_client is not None:
            self._admin_client.close()

    def _consumer(
        self, group: str | None = None, *, committed: bool = False, fetch: Fetch = USUAL
    ) -> Any:
        return kafka.KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=fetch.wait_ms,
            fetch_min_bytes=fetch.min_bytes,
            fetch_max_bytes=fetch.max_bytes,
            max_partition_fetch_bytes=fetch.partition_bytes,
            isolation_level="read_committed" if committed else "read_uncommitted",
        )


def _from_kafka_python(record: Any) -> Message:
    return Message(
        record.value,
        record.key,
        record.partition,
        record.timestamp,
        tuple(record.headers),
        record.offset,
    )
