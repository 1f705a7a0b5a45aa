"""The durable log: segments, indexes, producer state, recovery, retention.

Synchronous and not thread-safe: the broker's loop owns it. On the disk everything has the layout of
Apache Kafka, so that its tools read a data folder of ours.

```
DATA_DIR/
  .lock                              held by the process that has the folder open
  .kafka_cleanshutdown               present after a clean stop only
  meta.properties                    node id, cluster id, directory id
  recovery-point-offset-checkpoint   up to which offset each log is known to be on the disk
  log-start-offset-checkpoint        first offset of each log whose head was deleted
  TOPIC-PARTITION/
    00000000000000000000.log         record batches; the name is the first offset
    00000000000000000000.index       offset -> position, sparse
    00000000000000000000.timeindex   timestamp -> offset, sparse
    00000000000000000000.txnindex    aborted transactions; only if there are some
    00000000000000000042.snapshot    idempotent producers as of offset 42
    leader-epoch-checkpoint          first offset of each leader epoch
    partition.metadata               topic id
```
"""

from streamkit.log.storage.config import LogConfig
from streamkit.log.storage.errors import (
    CoordinatorFencedError,
    CorruptMessageError,
    InvalidProducerEpochError,
    InvalidRecordError,
    InvalidTimestampError,
    InvalidTxnStateError,
    LogError,
    LogStorageError,
    MessageTooLargeError,
    NotOneBatchError,
    OffsetOutOfRangeError,
    OutOfOrderSequenceError,
)
from streamkit.log.storage.manager import LogManager
from streamkit.log.storage.partition_log import PartitionLog
from streamkit.log.storage.producer_state import ProducerEntry
from streamkit.log.storage.results import AppendResult, ReadResult, TimestampOffset
from streamkit.log.storage.topic_settings import TOPIC_SETTINGS, SettingType, TopicSetting
from streamkit.log.storage.transaction_index import AbortedTransaction

__all__ = [
    "TOPIC_SETTINGS",
    "AbortedTransaction",
    "AppendResult",
    "CoordinatorFencedError",
    "CorruptMessageError",
    "InvalidProducerEpochError",
    "InvalidRecordError",
    "InvalidTimestampError",
    "InvalidTxnStateError",
    "LogConfig",
    "LogError",
    "LogManager",
    "LogStorageError",
    "MessageTooLargeError",
    "NotOneBatchError",
    "OffsetOutOfRangeError",
    "OutOfOrderSequenceError",
    "PartitionLog",
    "ProducerEntry",
    "ReadResult",
    "SettingType",
    "TimestampOffset",
    "TopicSetting",
]
