"""An incremental fetch session tells a consumer the same as full fetches would, whatever happens between."""

from __future__ import annotations

import tempfile
from pathlib import Path

from broker_lab import BrokerLab, batch, fetch_request, values
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streamkit.log.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchTopic,
    ForgottenTopic,
)

_PARTITIONS = 4
_VERSION = 12


class FetchSessionMachine(RuleBasedStateMachine):
    """A consumer with a session, beside a plain record of what each partition was sent."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.lab = BrokerLab(Path(self._folder.name))
        self.lab.broker.create_topic("t", _PARTITIONS, {})
        self.sent: dict[int, list[bytes]] = {index: [] for index in range(_PARTITIONS)}
        self.session_id = 0
        self.epoch = 0
        self.positions: dict[int, int] = {}
        self.read: dict[int, list[bytes | None]] = {}
        self.watermarks: dict[int, int] = {}
        self.changed: set[int] = set()
        self.forgotten: set[int] = set()

    @rule(partition=st.integers(0, _PARTITIONS - 1), count=st.integers(1, 3))
    def produce(self, partition: int, count: int) -> None:
        new = [b"%d-%d" % (partition, len(self.sent[partition]) + n) for n in range(count)]
        assert self.lab.produce("t", partition, batch(*new)).error_code == 0
        self.sent[partition] += new

    @rule(partition=st.integers(0, _PARTITIONS - 1))
    def add(self, partition: int) -> None:
        if partition not in self.positions:
            self.positions[partition] = 0
            self.read[partition] = []
            self.changed.add(partition)

    @rule(partition=st.integers(0, _PARTITIONS - 1))
    def forget(self, partition: int) -> None:
        if self.positions.pop(partition, None) is not None:
            self.forgotten.add(partition)
            self.changed.discard(partition)

    @precondition(lambda self: self.positions)
    @rule(max_bytes=st.sampled_from([1, 150, 1 << 20]))
    def fetch(self, max_bytes: int) -> None:
        asked = set(self.positions) if self.epoch == 0 else self.changed
        request = FetchRequest(
            max_bytes=max_bytes,
            min_bytes=0,
            session_id=self.session_id,
            session_epoch=self.epoch,
            topics=[FetchTopic(topic="t", partitions=[self._asked(each) for each in sorted(asked)])]
            if asked
            else [],
            forgotten_topics_data=[
                ForgottenTopic(topic="t", partitions=sorted(self.forgotten - set(self.positions)))
            ],
        )
        if self.epoch == 0:
            request.forgotten_topics_data = []
        answer = self.lab.call(request, _VERSION)
        assert answer.error_code == 0
        self.session_id, self.epoch = answer.session_id, self.epoch + 1
        for partition in self.forgotten - set(self.positions):
            # Only now has the broker forgotten it, and will tell its watermark again if it comes back.
            self.watermarks.pop(partition, None)
        self.changed, self.forgotten = set(), set()
        for topic in answer.responses:
            for data in topic.partitions:
                assert data.error_code == 0
                index = data.partition_index
                self.watermarks[index] = data.high_watermark
                skip = self.positions[index]
                found = values(data.records)
                if found:
                    first = skip - self._base(data.records)
                    self.read[index] += found[first:]
                    self.positions[index] += len(found) - first
                    self.changed.add(index)

    @precondition(lambda self: self.epoch > 0)
    @rule()
    def begin_anew(self) -> None:
        self.epoch = 0

    @precondition(lambda self: self.epoch > 0 and self.positions)
    @rule()
    def compare_with_a_full_fetch(self) -> None:
        """After a fetch of the session, the consumer knows every watermark that a full one tells."""
        self.fetch(1 << 20)
        full = self.lab.call(
            fetch_request("t", [(index, at) for index, at in self.positions.items()], min_bytes=0),
            _VERSION,
        )
        told = {each.partition_index: each.high_watermark for each in full.responses[0].partitions}
        assert {index: self.watermarks[index] for index in self.positions} == told

    @invariant()
    def what_was_read_is_what_was_sent(self) -> None:
        for index, found in self.read.items():
            assert found == self.sent[index][: len(found)]

    def teardown(self) -> None:
        self.lab.close()
        self._folder.cleanup()

    def _asked(self, partition: int) -> FetchPartition:
        return FetchPartition(
            partition=partition,
            fetch_offset=self.positions[partition],
            partition_max_bytes=1 << 20,
        )

    @staticmethod
    def _base(records: bytes | memoryview | None) -> int:
        return int.from_bytes(bytes(records or b"")[:8], "big")


FetchSessionMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None
)
test_session = FetchSessionMachine.TestCase
