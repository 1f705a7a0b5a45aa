"""DescribeLogDirs (key 35): the data folder and how much lies in it.

| version | change |
| --- | --- |
| 1 | the oldest served |
| 2 | flexible |
| 3 | an error code for the whole answer |
| 4 | size of the disk and free space |
| 5 | cordoned folders, of which there are none |
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol.messages.describe_log_dirs import (
    DescribeLogDirsPartition,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
    DescribeLogDirsTopic,
)
from streamkit.model import TopicPartition


@handles(DescribeLogDirsRequest)
def describe_log_dirs(
    broker: Broker,
    request: DescribeLogDirsRequest,
    context: RequestContext,
) -> DescribeLogDirsResponse:
    """Sizes of the partitions that are asked for. Left out: nothing."""
    if error := context.denied(Operation.DESCRIBE, ResourceType.CLUSTER):
        return DescribeLogDirsResponse(error_code=error)
    images = broker.metadata.image.topics
    if request.topics is None:
        wanted: Mapping[str, Iterable[int]] = {
            name: range(image.partitions) for name, image in images.items()
        }
    else:
        named: dict[str, dict[int, None]] = {}
        for topic in request.topics:
            named.setdefault(topic.topic, {}).update(dict.fromkeys(topic.partitions))
        wanted = named
    topics = []
    for name, indexes in wanted.items():
        partitions = [
            DescribeLogDirsPartition(
                partition_index=index, partition_size=_size(broker, name, index)
            )
            for index in indexes
            if broker.partition_exists(name, index)
        ]
        if partitions:
            topics.append(DescribeLogDirsTopic(name=name, partitions=partitions))
    disk = shutil.disk_usage(broker.settings.data_dir)
    return DescribeLogDirsResponse(
        results=[
            DescribeLogDirsResult(
                log_dir=str(broker.settings.data_dir.absolute()),
                topics=topics,
                total_bytes=disk.total,
                usable_bytes=disk.free,
            )
        ]
    )


def _size(broker: Broker, topic: str, partition: int) -> int:
    """Bytes of a partition; one that was never used has no log yet."""
    log = broker.logs.get(TopicPartition(topic, partition))
    return 0 if log is None else log.size_bytes
