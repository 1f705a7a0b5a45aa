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


@handles(DescribeLogDirsRequest)
def describe_log_dirs(
    broker: Broker,
    request: DescribeLogDirsRequest,
    context: RequestContext,  # noqa: ARG001
) -> DescribeLogDirsResponse:
    """Sizes of the partitions that are asked for and have a log. Left out: nothing."""
    wanted = (
        None
        if request.topics is None
        else {(topic.topic, index) for topic in request.topics for index in topic.partitions}
    )
    topics: dict[str, DescribeLogDirsTopic] = {}
    for log in broker.logs.logs():
        name, partition = log.topic_partition
        if name not in broker.metadata.image.topics:
            continue
        if wanted is not None and (name, partition) not in wanted:
            continue
        topic = topics.setdefault(name, DescribeLogDirsTopic(name=name))
        topic.partitions.append(
            DescribeLogDirsPartition(partition_index=partition, partition_size=log.size_bytes)
        )
    disk = shutil.disk_usage(broker.settings.data_dir)
    return DescribeLogDirsResponse(
        results=[
            DescribeLogDirsResult(
                log_dir=str(broker.settings.data_dir.absolute()),
                topics=list(topics.values()),
                total_bytes=disk.total,
                usable_bytes=disk.free,
            )
        ]
    )
