"""The bytes of our assignor inside Kafka's ConsumerProtocol: what members tell the leader and it them.

Both begin with a version (int16, now 1); all integers are big-endian, text is UTF-8 behind an int16
length. Unknown versions are refused by name, so that a rolling upgrade fails loudly and not strangely.

Subscription (member to leader):

| field | form |
| --- | --- |
| version | int16 |
| host | text |
| owned tasks | int32 count, each: int32 sub-topology, int32 partition |
| stored tasks | int32 count, each: int32 sub-topology, int32 partition, int64 changelog records missing |

Assignment (leader to member):

| field | form |
| --- | --- |
| version | int16 |
| active tasks | int32 count, each: int32 sub-topology, int32 partition |
| error | text, empty if the assignment stands; else why nobody was given anything |
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from streamkit.errors import ProtocolError
from streamkit.model.tasks import TaskId
from streamkit.runtime.assignment import MemberState

__all__ = [
    "decode_assignment",
    "decode_subscription",
    "encode_assignment",
    "encode_subscription",
]

VERSION = 1
_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_TASK = struct.Struct(">ii")
_STORED = struct.Struct(">iiq")
_MAX_TEXT = 4096


def encode_subscription(state: MemberState) -> bytes:
    """What a member tells the leader."""
    parts = [_INT16.pack(VERSION), _text(state.host), _tasks(state.owned)]
    parts.append(_INT32.pack(len(state.stored)))
    parts.extend(_STORED.pack(*task, state.stored[task]) for task in sorted(state.stored))
    return b"".join(parts)


def decode_subscription(data: bytes | None) -> MemberState:
    """The reverse of `encode_subscription`.

    Raises:
        ProtocolError: not such bytes, or of a version that this release does not know.
    """
    reader = _Reader(data or b"")
    host = reader.text()
    owned = frozenset(reader.tasks())
    stored: dict[TaskId, int] = {}
    for _ in range(reader.count(_STORED.size)):
        sub_topology, partition, missing = reader.read(_STORED)
        stored[TaskId(sub_topology, partition)] = missing
    return MemberState(host, owned, stored)


def encode_assignment(active: Collection[TaskId], error: str = "") -> bytes:
    """What the leader tells a member."""
    return b"".join((_INT16.pack(VERSION), _tasks(active), _text(error)))


def decode_assignment(data: bytes | None) -> tuple[tuple[TaskId, ...], str]:
    """Active tasks and error text, the reverse of `encode_assignment`.

    Raises:
        ProtocolError: not such bytes, or of a version that this release does not know.
    """
    reader = _Reader(data or b"")
    return tuple(reader.tasks()), reader.text()


def _text(text: str) -> bytes:
    raw = text.encode()[:_MAX_TEXT].decode(errors="ignore").encode()
    return _INT16.pack(len(raw)) + raw


def _tasks(tasks: Collection[TaskId]) -> bytes:
    return _INT32.pack(len(tasks)) + b"".join(_TASK.pack(*task) for task in sorted(tasks))


class _Reader:
    """Reads forward, refusing lengths that the data does not hold."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        (version,) = self.read(_INT16)
        if version != VERSION:
            raise ProtocolError(
                f"a member of the group speaks version {version} of streamkit's assignor, this one "
                f"version {VERSION}: run one release of streamkit on all workers"
            )

    def read(self, layout: struct.Struct) -> tuple[int, ...]:
        try:
            values = layout.unpack_from(self._data, self._position)
        except struct.error:
            raise ProtocolError("the assignor's bytes of a group member are cut short") from None
        self._position += layout.size
        return values

    def count(self, size: int) -> int:
        (count,) = self.read(_INT32)
        if count < 0 or count * size > len(self._data) - self._position:
            raise ProtocolError(f"the assignor's bytes of a group member promise {count} entries")
        return count

    def tasks(self) -> list[TaskId]:
        return [TaskId(*self.read(_TASK)) for _ in range(self.count(_TASK.size))]

    def text(self) -> str:
        (size,) = self.read(_INT16)
        raw = self._data[self._position : self._position + max(size, 0)]
        if size < 0 or len(raw) != size:
            raise ProtocolError("the assignor's bytes of a group member are cut short")
        self._position += size
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise ProtocolError("text in the assignor's bytes of a member is not UTF-8") from None
