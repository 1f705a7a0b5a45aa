"""Topics, configs and producer ids against a plain model, over clean and unclean restarts."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from broker_lab import BrokerLab, batch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamkit.errors import BrokerError

_NAMES = st.sampled_from(["a", "b", "c.d", "c_d"])
_CONFIGS = st.dictionaries(
    st.sampled_from(["retention.ms", "segment.ms"]), st.integers(1, 99).map(str), max_size=2
)


class MetadataMachine(RuleBasedStateMachine):
    """What the broker says it has is what was done, whenever it is killed."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.lab = BrokerLab(Path(self._folder.name))
        self.topics: dict[str, tuple[int, dict[str, str]]] = {}
        self.ends: dict[tuple[str, int], int] = {}
        self.producer_ids: set[int] = set()

    @rule(name=_NAMES, partitions=st.integers(1, 3), configs=_CONFIGS)
    def create(self, name: str, partitions: int, configs: dict[str, str]) -> None:
        with contextlib.suppress(BrokerError):
            self.lab.broker.create_topic(name, partitions, configs)
            assert name.replace(".", "_") not in {each.replace(".", "_") for each in self.topics}
            self.topics[name] = (partitions, dict(configs))

    @rule(name=_NAMES)
    def delete(self, name: str) -> None:
        if name in self.topics:
            self.lab.broker.delete_topic(self.lab.broker.topic(name))
            del self.topics[name]
            self.ends = {key: end for key, end in self.ends.items() if key[0] != name}

    @rule(name=_NAMES)
    def add_partition(self, name: str) -> None:
        if name in self.topics:
            partitions, configs = self.topics[name]
            self.lab.broker.metadata.add_partitions(self.lab.broker.topic(name), partitions + 1, 0)
            self.topics[name] = (partitions + 1, configs)

    @rule(name=_NAMES, changes=_CONFIGS, drop=st.booleans())
    def configure(self, name: str, changes: dict[str, str], drop: bool) -> None:
        if name in self.topics:
            wanted = dict.fromkeys(changes) if drop else dict(changes)
            self.lab.broker.set_topic_configs(self.lab.broker.topic(name), wanted)
            configs = self.topics[name][1]
            for key, value in wanted.items():
                if value is None:
                    configs.pop(key, None)
                else:
                    configs[key] = value

    @rule(name=_NAMES, partition=st.integers(0, 3))
    def produce(self, name: str, partition: int) -> None:
        fits = name in self.topics and partition < self.topics[name][0]
        answer = self.lab.produce(name, partition, batch(b"v"))
        assert (answer.error_code == 0) is fits
        if fits:
            key = (name, partition)
            assert answer.base_offset == self.ends.get(key, 0)
            self.ends[key] = answer.base_offset + 1

    @rule()
    def give_out_a_producer_id(self) -> None:
        found = self.lab.broker.metadata.next_producer_id(0)
        assert found not in self.producer_ids
        self.producer_ids.add(found)

    @rule(cleanly=st.booleans())
    def restart(self, cleanly: bool) -> None:
        self.lab.restart(cleanly=cleanly)

    @invariant()
    def the_broker_has_what_the_model_has(self) -> None:
        image = self.lab.broker.metadata.image
        found = {name: (each.partitions, each.configs) for name, each in image.topics.items()}
        assert found == self.topics
        assert {each.name for each in image.topics_by_id.values()} == set(self.topics)

    def teardown(self) -> None:
        self.lab.close()
        self._folder.cleanup()


MetadataMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
test_metadata = MetadataMachine.TestCase
