"""Random programs of requests about records, producers, transactions and topics.

A program is a list of steps, plain data. A step names producers, topics and offsets by what they are to the program
("the next sequence of x0"), so that the same program means the same to every broker; `random_world` sends it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

__all__ = ["EPOCH_MS", "GROUPS", "PRODUCERS", "TOPICS", "Step", "random_program"]

Step = tuple[str, dict[str, Any]]

EPOCH_MS = 1_600_000_000_000
TOPICS: dict[str, dict[str, str]] = {
    "plain": {},
    "compacted": {"cleanup.policy": "compact"},
    "stamped": {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "1000"},
}
PRODUCERS = ("i0", "i1", "x0", "x0 again", "x1")
GROUPS = ("g0", "g1")


def random_program(seed: int, length: int = 60) -> list[Step]:
    """A program of about `length` steps; the same seed, the same program."""
    chance = random.Random(seed)
    steps: list[Step] = [("init", {"producer": each, "version": 5}) for each in PRODUCERS]
    makers = list(_MAKERS)
    weights = [_MAKERS[maker] for maker in makers]
    while len(steps) < length:
        steps += chance.choices(makers, weights)[0](chance)
    return steps


def _target(chance: random.Random) -> dict[str, Any]:
    topic = chance.choices([*TOPICS, "made", "missing"], [10, 3, 3, 2, 0.3])[0]
    return {"topic": topic, "partition": chance.choices([0, 1, 7, -1], [10, 4, 0.2, 0.1])[0]}


def _produce(chance: random.Random) -> list[Step]:
    producer = chance.choices([None, *PRODUCERS], [2, 3, 1, 4, 1, 2])[0]
    count = chance.choices([1, 2, 5, 40], [6, 4, 3, 1])[0]
    step = {
        **_target(chance),
        "producer": producer,
        "version": chance.choice([3, 7, 9, 11, 11, 11, 12, 12]),
        "keys": [chance.choices([None, "a", "b", "c"], [1, 4, 4, 4])[0] for _ in range(count)],
        "times": [
            chance.choices([0, chance.randrange(9), -1, 10**15], [3, 8, 0.3, 0.02])[0]
            for _ in range(count)
        ],
        "codec": chance.choices([0, 1, 2, 3, 4], [6, 1, 1, 1, 1])[0],
        "sequence": chance.choices(
            ["next", "gap", "repeat", "zero", "back", "last", "none"], [30, 1, 3, 1, 1, 0.3, 0.3]
        )[0],
        "epoch": chance.choices([0, -1, 1], [30, 1, 1])[0],
        "transactional": chance.random() < 0.95,
        "as_id": chance.choices(["own", None], [30, 0.5])[0],
        "flaw": chance.choices([None, *_FLAWS], [60] + [0.3] * len(_FLAWS))[0],
    }
    steps: list[Step] = [("produce", step)]
    if producer and producer[0] == "x" and step["version"] < 12 and chance.random() < 0.8:
        target = {name: step[name] for name in ("topic", "partition", "producer")}
        steps.insert(0, ("add", {**target, "epoch": step["epoch"], "version": 3}))
    return steps * chance.choices([1, 2], [20, 1])[0]


_FLAWS = ("control", "offset", "count", "crc", "magic", "cut", "twice")


def _init(chance: random.Random) -> list[Step]:
    return [
        (
            "init",
            {
                "producer": chance.choice(PRODUCERS),
                "version": chance.choice([0, 1, 2, 3, 4, 5, 5, 5]),
                "keep": chance.random() < 0.4,
                "timeout": chance.choices([60_000, 0, -1, 900_001], [30, 1, 1, 1])[0],
            },
        )
    ]


def _in_transaction(kind: str, low: int, high: int) -> Callable[[random.Random], list[Step]]:
    def make(chance: random.Random) -> list[Step]:
        step = {
            "producer": chance.choice(PRODUCERS[2:]),
            "epoch": chance.choices([0, -1, 1], [20, 1, 1])[0],
            "version": chance.randint(low, high),
            "group": chance.choice(GROUPS),
            "commit": chance.random() < 0.6,
            "adopt": chance.random() < 0.9,
            "offset": chance.randrange(100),
            **_target(chance),
        }
        return [(kind, step)] * chance.choices([1, 2], [12, 1])[0]

    return make


def _reads(chance: random.Random) -> list[Step]:
    kind = chance.choice(["fetch", "fetch", "offsets", "offsets", "epoch", "producers"])
    step = {**_target(chance), "committed": chance.random() < 0.5}
    if kind == "fetch":
        step |= {
            "version": chance.choice([5, 7, 11, 12, 13, 17]),
            "offset": chance.choices(
                ["start", "middle", "stable", "end", "beyond", "before", "minus"],
                [4, 4, 2, 3, 1, 1, 0.3],
            )[0],
            "size": chance.choice([0, 1, 70, 200, 1000, 1 << 20]),
            "all_bytes": chance.choice([0, 1, 100, 1 << 20]),
            "min_bytes": chance.choice([0, 1, 1]),
            "leader_epoch": chance.choices([-1, 0, 1, 5], [10, 4, 1, 1])[0],
            "fetched_epoch": chance.choices([-1, 0, 1], [10, 2, 1])[0],
        }
    elif kind == "offsets":
        step |= {
            "version": chance.choice([1, 2, 4, 6, 7, 8, 9, 10, 11]),
            "at": chance.choice(
                [-1, -2, -3, -3, -4, -5, -6, -7, 0, *(EPOCH_MS + each for each in range(10))]
            ),
            "leader_epoch": chance.choices([-1, 0, 1], [10, 4, 1])[0],
        }
    elif kind == "epoch":
        step |= {
            "version": chance.randint(2, 4),
            "epoch": chance.choice([-1, 0, 0, 1, 3]),
            "leader_epoch": chance.choice([-1, -1, 0, 1]),
        }
    return [(kind, step)]


def _session(chance: random.Random) -> list[Step]:
    return [
        (
            "session",
            {
                "version": chance.choice([7, 11, 12]),
                "epoch": chance.choices(["new", "next", "same", "jump", "none"], [2, 12, 1, 1, 1])[
                    0
                ],
                "add": [
                    {**_target(chance), "offset": chance.randrange(4)}
                    for _ in range(chance.choice([0, 0, 1, 1, 2]))
                ],
                "forget": [_target(chance) for _ in range(chance.choice([0, 0, 0, 1]))],
                "committed": chance.random() < 0.2,
            },
        )
    ]


def _admin(chance: random.Random) -> list[Step]:
    kind = chance.choice(["delete records", "delete records", "make", "drop", "grow", "alter"])
    target = _target(chance)
    match kind:
        case "delete records":
            offset = chance.choice(["start", "middle", "stable", "end", "beyond", "minus", "high"])
            return [(kind, {**target, "offset": offset})]
        case "make":
            return [(kind, {"partitions": chance.choice([1, 2, 3])})]
        case "drop":
            return [(kind, {"topic": chance.choice(["made", "made", "missing"])})]
        case "grow":
            return [(kind, {"topic": target["topic"], "to": chance.randint(0, 3)})]
    name, value = chance.choice(
        [
            ("max.message.bytes", "300"),
            ("max.message.bytes", "1000000"),
            ("message.timestamp.type", "CreateTime"),
            ("message.timestamp.type", "LogAppendTime"),
            ("cleanup.policy", "compact"),
            ("cleanup.policy", "delete"),
            ("compression.type", "gzip"),
            ("compression.type", "uncompressed"),
            ("compression.type", "producer"),
            ("message.timestamp.before.max.ms", "1000"),
            ("message.timestamp.before.max.ms", str(2**63 - 1)),
        ]
    )
    topic = chance.choice(["plain", "compacted", "stamped", "made"])
    return [("alter", {"topic": topic, "name": name, "value": value})]


def _state(chance: random.Random) -> list[Step]:
    return [(chance.choice(["transactions", "transaction", "committed"]), {})]


_MAKERS: dict[Callable[[random.Random], list[Step]], float] = {
    _produce: 24,
    _init: 4,
    _in_transaction("add", 0, 5): 3,
    _in_transaction("add group", 0, 4): 2,
    _in_transaction("commit offsets", 0, 5): 4,
    _in_transaction("end", 0, 5): 8,
    _reads: 14,
    _session: 6,
    _admin: 4,
    _state: 3,
}
