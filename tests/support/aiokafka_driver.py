"""aiokafka as a driver, on an event loop of its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import aiokafka
import aiokafka.admin
import aiokafka.errors
import aiokafka.structs
from aiokafka.coordinator.assignors.range import RangePartitionAssignor as AioRange
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor as AioRoundRobin
from aiokafka.coordinator.assignors.sticky.sticky_assignor import (
    StickyPartitionAssignor as AioSticky,
)
from aiokafka_admin import AiokafkaAdmin
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
    code_name,
    enough,
)

T = TypeVar("T")

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
        return [_message(record) for batch in batches.values() for record in batch]

    def assignment(self) -> set[int]:
        return {tp.partition for tp in self._consumer.assignment()}

    def commit(self) -> None:
        self._loop.run(self._consumer.commit())

    def close(self) -> None:
        self._loop.run(self._consumer.stop())


class AiokafkaTransaction:
    def __init__(self, loop: _Loop, bootstrap: str, transactional_id: str, timeout_ms: int) -> None:
        self._loop = loop
        self._producer = loop.run(self._start(bootstrap, transactional_id, timeout_ms))

    async def _start(self, bootstrap: str, transactional_id: str, timeout_ms: int) -> Any:
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            linger_ms=1,
        )
        try:
            await producer.start()
        except aiokafka.errors.KafkaError as error:
            await producer.stop()
            raise RefusedError(code_name(getattr(error, "errno", None), error)) from error
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
            raise RefusedError(code_name(getattr(error, "errno", None), error)) from error


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
                raise RefusedError(code_name(getattr(error, "errno", None), error)) from error
            finally:
                await producer.stop()

        return self._loop.run(run())

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
        async def run(consumer: Any) -> list[Message]:
            assigned = [aiokafka.structs.TopicPartition(topic, p) for p in partitions]
            consumer.assign(assigned)
            if start is None:
                await consumer.seek_to_beginning(*assigned)
            else:
                for tp in assigned:
                    consumer.seek(tp, start)
            found: list[Message] = []
            deadline = time.monotonic() + TIMEOUT_S
            while not enough(found, count, last) and time.monotonic() < deadline:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(_message(record) for record in batch)
            return found

        return self._with_consumer(run, committed=committed, fetch=fetch)

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

    def transaction(self, transactional_id: str, *, timeout_ms: int = 60_000) -> Transaction:
        return AiokafkaTransaction(self._loop, self._bootstrap, transactional_id, timeout_ms)

    def admin(self) -> Administrator:
        return AiokafkaAdmin(self._with_admin)

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
                raise RefusedError(code_name(getattr(error, "errno", None), error)) from error

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
        fetch: Fetch = USUAL,
    ) -> T:
        async def run() -> T:
            consumer = aiokafka.AIOKafkaConsumer(
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
                raise RefusedError(code_name(error[1], error))


def _message(record: Any) -> Message:
    return Message(
        record.value,
        record.key,
        record.partition,
        record.timestamp,
        tuple(record.headers),
        record.offset,
    )
