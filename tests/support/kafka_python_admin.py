"""The calls of kafka-python for administrators."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from client_admin import Administrator, DescribedGroup
from client_driver import RefusedError, code_name

with warnings.catch_warnings():
    # kafka-python reads its message schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka.admin
    import kafka.errors
    import kafka.structs


_PREFERRED = 0


class KafkaPythonAdmin(Administrator):
    def __init__(self, client: Any) -> None:
        self._client = client

    def delete_records(self, topic: str, partition: int, before: int) -> int:
        tp = kafka.structs.TopicPartition(topic, partition)
        with refusals():
            return int(self._client.delete_records({tp: before})[tp]["low_watermark"])

    def create_partitions(self, topic: str, count: int) -> None:
        with refusals():
            self._client.create_partitions({topic: kafka.admin.NewPartitions(count)})

    def config(self, kind: str, name: str, setting: str) -> tuple[str | None, int]:
        resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType[kind.upper()], name)
        with refusals():
            found = self._client.describe_configs([resource], config_filter="all")
        entry = found[kind][name][setting]
        return entry["value"], kafka.admin.ConfigSourceType[entry["config_source"].upper()].value

    def alter_config(self, kind: str, name: str, setting: str, value: str) -> None:
        resource = kafka.admin.ConfigResource(
            kafka.admin.ConfigResourceType[kind.upper()], name, configs={setting: value}
        )
        with refusals():
            answer = self._client.alter_configs([resource], raise_on_unknown=False)
        _check_text(answer[kind][name])

    def reset_config(self, kind: str, name: str, setting: str) -> None:
        resource = kafka.admin.ConfigResource(
            kafka.admin.ConfigResourceType[kind.upper()], name, configs=[setting]
        )
        with refusals():
            answer = self._client.reset_configs([resource], raise_on_unknown=False)
        _check_text(answer[kind][name])

    def nodes(self) -> tuple[int, list[tuple[int, str]]]:
        found = self._client.describe_cluster()
        nodes = [(node["broker_id"], f"{node['host']}:{node['port']}") for node in found["brokers"]]
        return found["controller_id"], nodes

    def groups(self) -> set[str]:
        return {group["group_id"] for group in self._client.list_groups()}

    def group(self, group: str) -> DescribedGroup:
        with refusals():
            found = self._client.describe_groups([group])[group]
        return DescribedGroup(
            found["group_state"].upper(), found["protocol_data"], len(found["members"])
        )

    def delete_group(self, group: str) -> None:
        with refusals():
            answer = self._client.delete_groups([group])
        _check_text(answer[group])

    def set_offset(self, group: str, topic: str, partition: int, offset: int) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        wanted = {tp: kafka.structs.OffsetAndMetadata(offset, "", -1)}
        with refusals():
            _check(self._client.alter_group_offsets(group, wanted)[tp])

    def delete_offset(self, group: str, topic: str, partition: int) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        with refusals():
            _check(self._client.delete_group_offsets(group, [tp])[tp])

    def elect_leader(self, topic: str, partition: int) -> None:
        with refusals():
            answer = self._client.elect_leaders(_PREFERRED, {topic: [partition]})
        ((result,),) = [one.partition_result for one in answer.replica_election_results]
        if result.error_code:
            raise RefusedError(code_name(result.error_code, result))

    def reassign(self, topic: str, partition: int, replicas: Sequence[int]) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        with refusals():
            error = self._client.alter_partition_reassignments({tp: list(replicas)})[tp]
        if error is not None:
            _check(error)

    def features(self) -> dict[str, tuple[int, int]]:
        found = self._client.describe_features().items()
        return {name: levels["finalized"] for name, levels in found if "finalized" in levels}

    def api_versions(self) -> dict[int, tuple[int, int]]:
        return {int(key): versions for key, versions in self._client.api_versions().items()}

    def set_feature(self, feature: str, level: int) -> None:
        with refusals():
            told = self._client.update_features({feature: level}, validate_only=True)[feature]
        if told != "OK":
            raise RefusedError(str(told))

    def quorum(self) -> tuple[int, list[int]]:
        found = self._client.describe_metadata_quorum()
        (topic,) = found["topics"]
        (partition,) = topic["partitions"]
        return partition["leader_id"], [
            voter["replica_id"] for voter in partition["current_voters"]
        ]

    def log_sizes(self, topic: str) -> dict[int, int]:
        (broker,) = self._client.describe_log_dirs()
        return {
            partition["partition_index"]: partition["partition_size"]
            for folder in broker["log_dirs"]
            for one in folder["topics"]
            if one["name"] == topic
            for partition in one["partitions"]
        }

    def transaction_state(self, transactional_id: str) -> str:
        with refusals():
            found = self._client.describe_transactions([transactional_id])
        return str(found[transactional_id].state.value)

    def transactions(self) -> set[str]:
        (listed,) = self._client.list_transactions().values()
        return {one.transactional_id for one in listed}

    def producers(self, topic: str, partition: int) -> list[tuple[int, int]]:
        return [
            (one.last_sequence, one.current_transaction_start_offset)
            for one in self._producers(topic, partition)
        ]

    def abort_transaction(self, topic: str, partition: int) -> None:
        tp = kafka.structs.TopicPartition(topic, partition)
        (one,) = self._producers(topic, partition)
        spec = kafka.admin.AbortTransactionSpec(tp, one.producer_id, one.producer_epoch)
        with refusals():
            self._client.abort_transaction(spec)

    def _producers(self, topic: str, partition: int) -> Sequence[Any]:
        tp = kafka.structs.TopicPartition(topic, partition)
        return list(self._client.describe_producers([tp])[tp].active_producers)


@contextmanager
def refusals() -> Iterator[None]:
    """Turns the client's exceptions into `RefusedError`."""
    try:
        yield
    except kafka.errors.KafkaError as error:
        raise RefusedError(code_name(getattr(error, "errno", None), error)) from error


def _check_text(told: str) -> None:
    """Of some answers it tells the error's number and words, or its name, or that it is OK."""
    if told == "OK":
        return
    number = re.match(r"\[Error (\d+)\]", told)
    code = int(number[1]) if number else getattr(kafka.errors, told).errno
    raise RefusedError(code_name(code, told))


def _check(error: Any) -> None:
    if error.errno:
        raise RefusedError(code_name(error.errno, error))


def configs_by_name(found: Any) -> dict[str, str | None]:
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
