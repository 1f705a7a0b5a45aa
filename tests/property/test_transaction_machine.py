"""Random transactions, kills and restarts against a plain model, over a broker without sockets.

What must hold: readers of committed records see exactly what was committed, in order, up to the first record of an
open transaction; a group's committed offset is that of the last transaction that committed one; a coordinator that
has read its log stands where the live one stood.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from broker_lab import BrokerLab
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from transaction_lab import NONE, TIMEOUT_MS, Writer, committed, offset

from streamkit.log.broker.transactions import TransactionStep
from streamkit.log.protocol import ErrorCode

PARTITIONS = 2
WRITERS = {"old": False, "new": True, "newer": True}
IDS = st.sampled_from(list(WRITERS))
STEPS = st.sampled_from(
    [TransactionStep.PREPARED, TransactionStep.MARKER_WRITTEN, TransactionStep.MARKERS_WRITTEN]
)


class KilledError(Exception):
    """The process ends here."""


@dataclass
class Entry:
    """A record in a partition; its transaction is open while `committed` is None."""

    value: bytes
    writer: str
    committed: bool | None = None


@dataclass
class Model:
    """What was written, and how it ended."""

    partitions: list[list[Entry]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    offset: int = -1
    pending: dict[str, int] = field(default_factory=dict)

    def is_open(self, writer: str) -> bool:
        """Whether the writer has written something that has not ended."""
        return writer in self.pending or any(
            entry.writer == writer and entry.committed is None
            for entries in self.partitions
            for entry in entries
        )

    def end(self, writer: str, *, commit: bool) -> None:
        for entries in self.partitions:
            for entry in entries:
                if entry.writer == writer and entry.committed is None:
                    entry.committed = commit
        if writer in self.pending:
            pending = self.pending.pop(writer)
            # A commit that is older than one that counts already changes nothing: offsets only grow here.
            if commit and pending > self.offset:
                self.offset = pending

    def visible(self, partition: int) -> list[bytes]:
        found = []
        for entry in self.partitions[partition]:
            if entry.committed is None:
                break
            if entry.committed:
                found.append(entry.value)
        return found


class TransactionMachine(RuleBasedStateMachine):
    """Writers, a broker that is killed, and time."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="transactions-"))
        self.lab = BrokerLab(
            self.folder / "data",
            transaction_state_log_num_partitions=2,
            offsets_topic_num_partitions=2,
        )
        self.lab.broker.create_topic("t", PARTITIONS, {})
        self.model = Model()
        self.number = 0
        self.writers = {name: Writer(self.lab, name, modern=new) for name, new in WRITERS.items()}
        for writer in self.writers.values():
            assert writer.init() is NONE

    @rule(name=IDS, partition=st.integers(0, PARTITIONS - 1))
    def write(self, name: str, partition: int) -> None:
        self.number += 1
        value = b"%d" % self.number
        self.writers[name].write(value, partition)
        self.model.partitions[partition].append(Entry(value, name))

    @rule(name=IDS)
    def commit_offset(self, name: str) -> None:
        self.number += 1
        assert self.writers[name].commit_offset(self.number) is NONE
        self.model.pending[name] = self.number

    @rule(name=IDS, commit=st.booleans())
    def end(self, name: str, commit: bool) -> None:
        was_open = self.model.is_open(name)
        error = self.writers[name].end(commit=commit)
        if was_open:
            assert error is NONE
            self.model.end(name, commit=commit)

    @rule(name=IDS, commit=st.booleans(), step=STEPS)
    def die_at_the_end(self, name: str, commit: bool, step: TransactionStep) -> None:
        if not self.model.is_open(name):
            return

        def die(reached: TransactionStep, transactional_id: str) -> None:
            if reached is step:
                raise KilledError

        self.lab.broker.transactions.on_step = die
        try:
            self.writers[name].end(commit=commit)
        except KilledError:
            pass
        else:
            raise AssertionError(f"{step} was not reached")
        self.lab.restart(cleanly=False)
        self.model.end(name, commit=commit)
        assert self.writers[name].end(commit=commit) is NONE

    @rule(name=IDS)
    def take_over(self, name: str) -> None:
        """A new producer of the same id fences the one that is there, and aborts what it has open."""
        new = Writer(self.lab, name, modern=WRITERS[name])
        error = new.init()
        assert error is (ErrorCode.CONCURRENT_TRANSACTIONS if self.model.is_open(name) else NONE)
        if error is not NONE:
            self.model.end(name, commit=False)
            assert new.init() is NONE
        assert self.writers[name].send(b"late") is ErrorCode.INVALID_PRODUCER_EPOCH
        self.writers[name] = new

    @rule()
    def time_runs_out(self) -> None:
        self.lab.clock.advance(TIMEOUT_MS)
        self.lab.timers.advance(10_000)
        for name, writer in self.writers.items():
            if self.model.is_open(name):
                self.model.end(name, commit=False)
                assert writer.send(b"late") is ErrorCode.INVALID_PRODUCER_EPOCH
                self.writers[name] = Writer(self.lab, name, modern=WRITERS[name])
                assert self.writers[name].init() is NONE

    @rule(cleanly=st.booleans())
    def restart(self, cleanly: bool) -> None:
        before = dict(self.lab.broker.transactions.transactions())
        self.lab.restart(cleanly=cleanly)
        assert dict(self.lab.broker.transactions.transactions()) == before

    @precondition(lambda self: hasattr(self, "model"))
    @invariant()
    def readers_see_what_was_committed(self) -> None:
        for partition in range(PARTITIONS):
            assert committed(self.lab, partition) == self.model.visible(partition)

    @precondition(lambda self: hasattr(self, "model"))
    @invariant()
    def offset_is_that_of_the_last_commit(self) -> None:
        assert offset(self.lab) == (self.model.offset, NONE)
        error = offset(self.lab, stable=True)[1]
        assert (error is ErrorCode.UNSTABLE_OFFSET_COMMIT) == bool(self.model.pending)

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.close()
            shutil.rmtree(self.folder)


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
