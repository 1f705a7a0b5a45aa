"""The cluster as `__cluster_metadata-0` describes it: topics, ids, partitions, configs, producer ids.

Pure: state changes in `replay` alone, live and at a restart. Records are those of Apache Kafka:

| record | what it does here |
| --- | --- |
| TopicRecord | a topic with its id |
| PartitionRecord | one partition of it |
| ConfigRecord | a topic's, a group's or the broker's setting; a null value removes it |
| RegisterBrokerRecord | the broker has come back and may have lost what wasn't on the disk: a new leader epoch in every partition |
| RemoveTopicRecord | the topic is gone, with partitions and settings |
| ProducerIdsRecord | producer ids below it may have been given out |
| FeatureLevelRecord | the level of a feature that this version knows |
| others | read over |
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from streamkit.log.broker.metadata.features import NEWEST_LEVELS
from streamkit.log.protocol.messages import metadata_log as log

__all__ = ["BROKER_RESOURCE", "GROUP_RESOURCE", "TOPIC_RESOURCE", "ClusterImage", "TopicImage"]

TOPIC_RESOURCE = 2
"""The number of topics among the kinds of things that have settings."""

BROKER_RESOURCE = 4
"""The number of brokers among them."""

GROUP_RESOURCE = 32
"""The number of groups among them."""


@dataclass(slots=True)
class TopicImage:
    """One topic.

    Attributes:
        name: its name.
        topic_id: its id, unique over all time.
        leader_epochs: each partition's leader epoch, by partition.
        configs: settings that differ from the broker's, as texts by name.
        is_internal: the broker's own, as `__consumer_offsets`.
    """

    name: str
    topic_id: UUID
    leader_epochs: list[int] = field(default_factory=list)
    configs: dict[str, str] = field(default_factory=dict)
    is_internal: bool = False

    @property
    def partitions(self) -> int:
        """How many partitions it has."""
        return len(self.leader_epochs)


_NO_CONFIGS: Mapping[str, str] = {}


class ClusterImage:
    """What the metadata log says up to now.

    Attributes:
        version: the number of records up to the last one that changed topics.
        created_version: the number of records up to the last one that made a topic.
        features: the level of every feature.
        features_epoch: the number of records up to the last one that set such a level.
    """

    def __init__(self) -> None:
        self.topics: dict[str, TopicImage] = {}
        self.topics_by_id: dict[UUID, TopicImage] = {}
        self.groups: dict[str, dict[str, str]] = {}
        self.brokers: dict[str, dict[str, str]] = {}
        self.next_producer_id = 0
        self.features = dict(NEWEST_LEVELS)
        self.features_epoch = 0
        self.version = 0
        self.created_version = 0
        self._records = 0

    def topic_id_of(self, name: str) -> UUID | None:
        """The id of the topic called `name`, or None if there is none."""
        topic = self.topics.get(name)
        return None if topic is None else topic.topic_id

    def topic_name_of(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, or None if there is none."""
        topic = self.topics_by_id.get(topic_id)
        return None if topic is None else topic.name

    def partition_count(self, topic_id: UUID) -> int | None:
        """How many partitions the topic has, or None if there is no such topic."""
        topic = self.topics_by_id.get(topic_id)
        return None if topic is None else topic.partitions

    def topic_names(self) -> Collection[str]:
        """The names of all topics."""
        return self.topics.keys()

    def group_configs(self, group_id: str) -> Mapping[str, str]:
        """The settings of a group, as texts by name; empty if it has none of its own."""
        return self.groups.get(group_id, _NO_CONFIGS)

    def broker_configs(self, name: str) -> Mapping[str, str]:
        """Settings changed while brokers ran, as texts: of the node with this number, or of all with no name."""
        return self.brokers.get(name, _NO_CONFIGS)

    def replay(self, record: object) -> None:
        """Apply one record. A record about a topic that is gone changes nothing."""
        self._records += 1
        match record:
            case log.TopicRecord():
                self.version = self.created_version = self._records
            case log.PartitionRecord() | log.RemoveTopicRecord():
                self.version = self._records
        match record:
            case log.TopicRecord():
                internal = record.name in INTERNAL_TOPICS
                topic = TopicImage(record.name, record.topic_id, is_internal=internal)
                self.topics[record.name] = self.topics_by_id[record.topic_id] = topic
            case log.PartitionRecord():
                if (known := self.topics_by_id.get(record.topic_id)) is not None:
                    # Partitions are written in order, so each new one is the next.
                    if record.partition_id == known.partitions:
                        known.leader_epochs.append(record.leader_epoch)
                    else:
                        known.leader_epochs[record.partition_id] = record.leader_epoch
            case log.RegisterBrokerRecord():
                for led in self.topics.values():
                    led.leader_epochs[:] = [epoch + 1 for epoch in led.leader_epochs]
            case log.RemoveTopicRecord():
                if (gone := self.topics_by_id.pop(record.topic_id, None)) is not None:
                    del self.topics[gone.name]
            case log.ConfigRecord(resource_type=kind) if kind == TOPIC_RESOURCE:
                configured = self.topics.get(record.resource_name)
                if configured is None:
                    return
                if record.value is None:
                    configured.configs.pop(record.name, None)
                else:
                    configured.configs[record.name] = record.value
            case log.ConfigRecord(resource_type=kind) if kind in (GROUP_RESOURCE, BROKER_RESOURCE):
                resources = self.groups if kind == GROUP_RESOURCE else self.brokers
                configs = resources.setdefault(record.resource_name, {})
                if record.value is None:
                    configs.pop(record.name, None)
                else:
                    configs[record.name] = record.value
                if not configs:
                    del resources[record.resource_name]
            case log.ProducerIdsRecord():
                self.next_producer_id = record.next_producer_id
            case log.FeatureLevelRecord() if record.name in self.features:
                self.features[record.name] = record.feature_level
                self.features_epoch = self._records
            case _:
                pass


INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state"})
"""Topics that the broker makes and writes by itself."""
