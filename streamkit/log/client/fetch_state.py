"""What a consumer has assigned, from where it reads, and what has arrived: where its threads meet.

One lock guards it, taken once a fetch or a record batch, never once a record. The network thread adds chunks;
the calling thread takes them out and decodes them.

A partition's `epoch` changes whenever it is assigned or sought; whatever was asked under an older
one is dropped when it arrives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection

from streamkit.errors import StreamkitError
from streamkit.log.protocol.batch import BatchHeader
from streamkit.log.protocol.varint import Buffer
from streamkit.model import TopicPartition

__all__ = ["Chunk", "FetchState", "PartitionState"]


class PartitionState:
    """One assigned partition. Guarded by the lock of its `FetchState`.

    Attributes:
        topic_partition: which.
        epoch: changes with every assignment and seek.
        position: offset of the next record for the caller; -1 while not known.
        fetch_offset: offset of the next fetch; -1 while the position is not known.
        reset_to: where to look the position up: a time for ListOffsets, or None: first the
            committed offset, then the policy.
        paused: nothing is fetched or returned.
        end: high watermark or last stable offset of the last fetch; -1 before the first.
        chunks, buffered: what has arrived and was not taken, and its bytes.
        in_flight: the epoch under which a fetch is under way, or -1.
        active: the last fetch brought data.
    """

    __slots__ = (
        "active",
        "buffered",
        "chunks",
        "end",
        "epoch",
        "fetch_offset",
        "in_flight",
        "not_before",
        "paused",
        "position",
        "reset_to",
        "topic_partition",
    )

    def __init__(self, topic_partition: TopicPartition, epoch: int) -> None:
        self.topic_partition = topic_partition
        self.epoch = epoch
        self.position = -1
        self.fetch_offset = -1
        self.reset_to: int | None = None
        self.paused = False
        self.end = -1
        self.chunks: deque[Chunk] = deque()
        self.buffered = 0
        self.in_flight = -1
        self.active = True
        self.not_before = 0.0


class Chunk:
    """What one fetch brought of one partition: whole batches, and which of them is next.

    Attributes:
        state, epoch: the partition, and under which epoch it was asked.
        data: the batches' bytes.
        entries: position and header of each batch; `next` is the index of the first not taken.
        end: see `PartitionState`.
        aborted: transactions to leave out, by first offset: (first offset, producer id).
        aborting: producer ids whose aborted transaction is open at `next`.
    """

    __slots__ = ("aborted", "aborting", "data", "end", "entries", "epoch", "next", "size", "state")

    def __init__(
        self,
        state: PartitionState,
        epoch: int,
        data: Buffer,
        entries: list[tuple[int, BatchHeader]],
        end: int,
        aborted: list[tuple[int, int]],
    ) -> None:
        self.state = state
        self.epoch = epoch
        self.data = data
        self.entries = entries
        self.end = end
        self.aborted = aborted
        self.aborting: set[int] = set()
        self.next = 0
        self.size = len(data)


class FetchState:
    """What is assigned and what has arrived.

    Attributes:
        condition: its lock guards everything here; notified when a poll may go on.
        partitions: what is assigned.
        error: raised by the next poll.
        fatal: raised by every poll: the membership has ended.
        woken: a poll that waits should return.
    """

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.partitions: dict[TopicPartition, PartitionState] = {}
        self.error: StreamkitError | None = None
        self.fatal: StreamkitError | None = None
        self.woken = False
        self.buffered = 0
        self._turn: deque[PartitionState] = deque()
        self._epoch = 0

    # The calling thread

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Replace what is assigned; partitions that stay keep position, pause and buffers."""
        with self.condition:
            kept = {}
            for tp in partitions:
                state = self.partitions.pop(tp, None)
                if state is None:
                    self._epoch += 1
                    state = PartitionState(tp, self._epoch)
                kept[tp] = state
            for gone in self.partitions.values():
                self._clear(gone)
            self.partitions = kept

    def seek(self, tp: TopicPartition, *, offset: int = -1, reset_to: int | None = None) -> None:
        """Move a position; to an offset, or to what is found at `reset_to`."""
        with self.condition:
            state = self.partitions[tp]
            self._clear(state)
            state.position = state.fetch_offset = offset
            state.reset_to = reset_to
            state.active = True
            state.not_before = 0.0

    def next_chunk(self) -> Chunk | None:
        """The chunk whose turn it is, left in place; holds the lock (condition) already."""
        for _ in range(len(self._turn)):
            state = self._turn[0]
            if not state.chunks:
                self._turn.popleft()
            elif state.paused:
                self._turn.rotate(-1)
            else:
                return state.chunks[0]
        return None

    def finish(self, chunk: Chunk) -> None:
        """A chunk was read to its end: forget it, and let the next partition have its turn."""
        with self.condition:
            state = chunk.state
            if state.chunks and state.chunks[0] is chunk:
                state.chunks.popleft()
                state.buffered -= chunk.size
                self.buffered -= chunk.size
            if self._turn and self._turn[0] is state:
                self._turn.rotate(-1)

    # The network thread

    def arrived(self, chunk: Chunk) -> None:
        """Add a chunk; holds the lock already."""
        state = chunk.state
        if not state.chunks:
            self._turn.append(state)
        state.chunks.append(chunk)
        state.buffered += chunk.size
        self.buffered += chunk.size

    def fail(self, error: StreamkitError, *, fatal: bool = False) -> None:
        """Let the next poll raise; if `fatal`, every one from now on."""
        with self.condition:
            if fatal:
                self.fatal = error
            elif self.error is None:
                self.error = error
            self.condition.notify_all()

    def _clear(self, state: PartitionState) -> None:
        self._epoch += 1
        state.epoch = self._epoch
        self.buffered -= state.buffered
        state.buffered = 0
        state.chunks.clear()
        state.end = -1
        state.position = state.fetch_offset = -1
        if state in self._turn:
            self._turn.remove(state)
