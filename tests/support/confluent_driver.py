"""confluent-kafka, which is librdkafka, as a driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import confluent_kafka as ck
import confluent_kafka.admin
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
from confluent_admin import ConfluentAdmin

_ck_admin: Any = confluent_kafka.admin
"""Its names are not declared as exported."""


@dataclass(frozen=True)
class DescribedGroup:
    state: str
    assignor: str
    shares: Sequence[set[int]]


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
    def __init__(self, bootstrap: str, transactional_id: str, timeout_ms: int) -> None:
        self._bootstrap = bootstrap
        self._producer = ck.Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": timeout_ms,
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

    def size_settings(self, max_bytes: int) -> dict[str, object]:
        return {"message.max.bytes": max_bytes}

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
        begin = ck.OFFSET_BEGINNING if start is None else start
        try:
            consumer.assign([ck.TopicPartition(topic, p, begin) for p in partitions])
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while not enough(found, count, last) and time.monotonic() < deadline:
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
        asked = ck.TopicPartition(topic, partition)
        consumer = self._consumer()
        try:
            for _ in range(50):
                try:
                    low, high = consumer.get_watermark_offsets(asked, timeout=TIMEOUT_S)
                    return low, high
                except ck.KafkaException as error:
                    # A cluster says so for a moment of a topic that it has just made.
                    if error.args[0].code() != ck.KafkaError.NOT_LEADER_FOR_PARTITION:
                        raise
                time.sleep(0.1)
            raise AssertionError(f"{topic} has no leader")
        finally:
            consumer.close()

    def transaction(self, transactional_id: str, *, timeout_ms: int = 60_000) -> Transaction:
        return ConfluentTransaction(self._bootstrap, transactional_id, timeout_ms)

    def admin(self) -> Administrator:
        return ConfluentAdmin(self._admin)

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

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        """Delete what lies before an offset; the new start."""
        wanted = ck.TopicPartition(topic, partition, before)
        (future,) = self._admin.delete_records([wanted]).values()
        return int(self._result(future).low_watermark)

    def describe_group(self, group: str) -> DescribedGroup:
        """As an administrator sees it."""
        found = self._result(self._admin.describe_consumer_groups([group])[group])
        shares = [
            {tp.partition for tp in member.assignment.topic_partitions} for member in found.members
        ]
        return DescribedGroup(found.state.name, found.partition_assignor, shares)

    def close(self) -> None:
        pass

    def _consumer(
        self, group: str = "none", *, committed: bool = False, fetch: Fetch = USUAL
    ) -> Any:
        return ck.Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": fetch.wait_ms,
                "fetch.min.bytes": fetch.min_bytes,
                "fetch.message.max.bytes": fetch.partition_bytes,
                # librdkafka takes nothing below.
                "fetch.max.bytes": max(fetch.max_bytes, 1000),
                "message.max.bytes": min(max(fetch.max_bytes, 1000), 1_000_000),
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
