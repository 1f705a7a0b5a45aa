"""AlterReplicaLogDirs (key 34): move replicas to another folder of their broker.

| version | change |
| --- | --- |
| 1 | the oldest served |
| 2 | flexible |

There is one data folder: what is to lie there lies there already, and there is no other to move it to.
"""

from __future__ import annotations

from streamkit.log.broker.authorization import Operation, ResourceType
from streamkit.log.broker.broker import Broker
from streamkit.log.broker.context import RequestContext
from streamkit.log.broker.registry import handles
from streamkit.log.protocol import ErrorCode
from streamkit.log.protocol.messages.alter_replica_log_dirs import (
    AlterReplicaLogDirPartitionResult,
    AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
    AlterReplicaLogDirTopicResult,
)

_LONGEST_FOLDER_NAME = 255
_MOVING_SUFFIX = len(".") + 32 + len("-future")


@handles(AlterReplicaLogDirsRequest)
def alter_replica_log_dirs(
    broker: Broker,
    request: AlterReplicaLogDirsRequest,
    context: RequestContext,
) -> AlterReplicaLogDirsResponse:
    """Tell of each partition whether it can be there; of one that is named twice, the last folder counts."""
    denied = context.denied(Operation.ALTER, ResourceType.CLUSTER)
    asked: dict[str, dict[int, str]] = {}
    for folder in request.dirs:
        for topic in folder.topics:
            for partition in topic.partitions:
                asked.setdefault(topic.name, {})[partition] = folder.path
    return AlterReplicaLogDirsResponse(
        results=[
            AlterReplicaLogDirTopicResult(
                topic_name=topic,
                partitions=[
                    AlterReplicaLogDirPartitionResult(
                        partition_index=partition,
                        error_code=denied or _placed(broker, topic, partition, path),
                    )
                    for partition, path in paths.items()
                ],
            )
            for topic, paths in asked.items()
        ]
    )


def _placed(broker: Broker, topic: str, partition: int, path: str) -> ErrorCode:
    if len(f"{topic}-{partition}") + _MOVING_SUFFIX > _LONGEST_FOLDER_NAME:
        # While it moved, its folder would have a name that file systems don't take.
        return ErrorCode.INVALID_TOPIC_EXCEPTION
    if path != str(broker.settings.data_dir.absolute()):
        return ErrorCode.LOG_DIR_NOT_FOUND
    if not broker.partition_exists(topic, partition):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE
