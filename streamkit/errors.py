"""Every error that streamkit raises, in one tree, branched by who must act.

```
StreamkitError
├── ConfigError              the author: a setting or an argument out of range
│   └── TopologyError        the author: a topology that can't run (names, co-partitioning, wiring)
├── SerdeError               the data: bytes that can't be decoded, a value that can't be encoded
├── ProcessingError          the data: a user's function raised
├── StorageError             the disk: full, damaged, locked
│   ├── CorruptRecordError   a record batch whose checksum or structure is wrong
│   ├── DamagedStoreError    a state store whose files are damaged or not all there
│   └── LockedError          another process holds the folder
├── ProtocolError            the peer: bytes that are not the Kafka protocol
├── BrokerError              the peer: an error code in an answer
├── NotReachableError        the peer: nobody answers
└── ClosedError              the caller: used after close
```

An error carries its facts as attributes; its message says what happened, where, and what to do next.
`retriable` says whether the same call may succeed later.
"""

from __future__ import annotations

__all__ = [
    "BrokerError",
    "ClosedError",
    "ConfigError",
    "CorruptRecordError",
    "DamagedStoreError",
    "LockedError",
    "NotReachableError",
    "ProcessingError",
    "ProtocolError",
    "SerdeError",
    "StorageError",
    "StreamkitError",
    "TopologyError",
    "caused_by",
]


class StreamkitError(Exception):
    """The root: catch it to catch everything that streamkit raises on purpose."""

    retriable: bool = False


class ConfigError(StreamkitError, ValueError):
    """A setting or an argument is out of range; the message gives the valid range."""


class TopologyError(ConfigError):
    """The topology can't be built or run as written."""


class SerdeError(StreamkitError, ValueError):
    """Bytes could not be decoded, or a value could not be encoded.

    Attributes:
        serde: the name of the serde.
        topic, partition, offset, node: where it happened, as far as it is known; filled in by
            the layer that knows.
    """

    def __init__(
        self,
        message: str,
        *,
        serde: str = "",
        topic: str | None = None,
        partition: int | None = None,
        offset: int | None = None,
        node: str | None = None,
    ) -> None:
        super().__init__(message)
        self.serde = serde
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.node = node


class ProcessingError(StreamkitError):
    """A user's function raised while a record was processed; `__cause__` is what it raised.

    Attributes:
        node: name of the operator.
        topic, partition, offset: the source record.
        task: the task's id as text.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str = "",
        topic: str | None = None,
        partition: int | None = None,
        offset: int | None = None,
        task: str | None = None,
    ) -> None:
        super().__init__(message)
        self.node = node
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.task = task


class StorageError(StreamkitError, OSError):
    """The disk refused: full, gone, damaged. Attribute `path` names the file or folder."""

    def __init__(self, message: str, *, path: str | None = None, retriable: bool = False) -> None:
        super().__init__(message)
        self.path = path
        self.retriable = retriable


class DamagedStoreError(StorageError):
    """A state store's files are damaged or not all there. Its content comes back from its changelog."""


class CorruptRecordError(StorageError):
    """A record batch fails its checksum or its structure.

    Attributes:
        topic_partition: the partition, if known.
        position: byte position in the file or buffer, if known.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        topic_partition: tuple[str, int] | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message, path=path)
        self.topic_partition = topic_partition
        self.position = position


class LockedError(StorageError):
    """Another process holds the folder."""


class ProtocolError(StreamkitError):
    """The peer sent bytes that are not what the Kafka protocol allows."""


class BrokerError(StreamkitError):
    """An answer carried an error code.

    Attributes:
        code: the number on the wire; `streamkit.log.protocol.ErrorCode` names it.
        topic_partition: which partition it is about, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        retriable: bool = False,
        topic_partition: tuple[str, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retriable = retriable
        self.topic_partition = topic_partition


class NotReachableError(StreamkitError, ConnectionError):
    """No broker answers at any of the addresses."""

    retriable = True


class ClosedError(StreamkitError):
    """The object was closed before this call."""


def caused_by(error: StreamkitError, cause: BaseException) -> StreamkitError:
    """`error` with `cause` as its `__cause__`.

    Compiled modules raise through this: there `raise X from e` leaves `__cause__` unset.
    """
    error.__cause__ = cause
    error.__suppress_context__ = True
    return error
