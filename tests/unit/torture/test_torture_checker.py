"""The torture's checker finds each broken promise, and nothing in a log that keeps them all.

`tests/e2e/test_torture.py` shows the same with a broker that has bugs, in minutes; here are journals and records made by
hand, one of them wrong at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from torture_journal import LEDGER, MOVED, MOVERS, PARTITIONS, PLAIN, Fact, record_name

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "torture"))

checker = import_module("checker")
READING: dict[str, str] = checker.READING

Journals = dict[str, list[tuple[str, list[Fact]]]]


@dataclass
class Run:
    """What a run has left."""

    journals: Journals
    found: Any  # a `Found` of the checker's


def written(producer: str, *numbers: int) -> dict[int, str]:
    """Records by offset."""
    return {at: record_name(producer, number) for at, number in enumerate(numbers)}


def sound() -> Run:
    """Ten plain records in partition 0, all acknowledged, read and committed; of three transactions two committed
    ones, whose records were moved."""
    found = checker.Found(
        {topic: {n: {} for n in range(PARTITIONS)} for topic in (PLAIN, LEDGER, MOVED)}
    )
    found.logs[PLAIN][0] = written("idempotent-0", *range(10))
    ledger = {0: record_name("transactional-0", 0, 0), 1: record_name("transactional-0", 0, 1)}
    ledger[5] = record_name("transactional-0", 2)
    found.logs[LEDGER][0] = ledger
    found.logs[MOVED][0] = dict(ledger)
    found.committed = {group: {0: 10, 1: 0, 2: 0} for group in READING}
    found.committed[MOVERS] = {0: 6, 1: 0, 2: 0}
    journals: Journals = {
        "idempotent-0": [
            ("acked", [record_name("idempotent-0", number), 0, number]) for number in range(10)
        ],
        "transactional-0": [
            ("begun", [0, 2]),
            ("committed", [0]),
            ("begun", [1, 2]),
            ("aborted", [1]),
            ("begun", [2, 1]),
            ("committed", [2]),
        ],
    }
    for prefix in READING.values():
        read: list[tuple[str, list[Fact]]] = [
            ("read", [0, number, record_name("idempotent-0", number)]) for number in range(10)
        ]
        journals[f"{prefix}-0"] = [
            *read,
            ("offset_committed", [0, 5, 100, 200]),
            ("fetched", [0, 5, 300]),
            ("offset_committed", [0, 10, 400, 500]),
        ]
    return Run(journals, found)


def lose_an_acknowledged_record(run: Run) -> None:
    del run.found.logs[PLAIN][0][9]
    run.found.committed = {**{group: {0: 9} for group in READING}, MOVERS: {0: 6}}
    for name, of_one in run.journals.items():
        if name != "idempotent-0":
            run.journals[name] = [each for each in of_one if each[1] != [0, 10, 400, 500]]
            run.journals[name] = [each for each in run.journals[name] if each[1][:2] != [0, 9]]


def put_a_record_elsewhere(run: Run) -> None:
    run.journals["idempotent-0"][0] = ("acked", [record_name("idempotent-0", 0), 1, 0])


def write_twice(run: Run) -> None:
    run.found.logs[LEDGER][1] = {0: record_name("transactional-0", 2)}
    run.found.logs[MOVED][1] = {}


def write_in_another_order(run: Run) -> None:
    for topic in (LEDGER, MOVED):
        of_topic = run.found.logs[topic][0]
        of_topic[0], of_topic[1] = of_topic[1], of_topic[0]


def lose_half_a_transaction(run: Run) -> None:
    del run.found.logs[LEDGER][0][1], run.found.logs[MOVED][0][1]


def show_an_aborted_transaction(run: Run) -> None:
    for topic in (LEDGER, MOVED):
        run.found.logs[topic][0][3] = record_name("transactional-0", 1)
        run.found.logs[topic][0] = dict(sorted(run.found.logs[topic][0].items()))


def tear_a_transaction(run: Run) -> None:
    run.journals["transactional-0"][3] = ("unknown", [1])
    show_an_aborted_transaction(run)


def leave_a_transaction_open(run: Run) -> None:
    run.found.unreadable.append((LEDGER, 0, 6, 9))


def pass_a_record_over(run: Run) -> None:
    del run.found.logs[MOVED][0][0]


def copy_without_an_offset(run: Run) -> None:
    run.found.committed[MOVERS][0] = 5


def change_what_was_read(run: Run) -> None:
    run.journals["reader-0"][0] = ("read", [0, 0, "another/0/0"])


def commit_past_what_was_read(run: Run) -> None:
    del run.journals["reader-0"][9]


def forget_a_commit(run: Run) -> None:
    run.found.committed["readers"] = {0: 5}


def answer_with_an_old_commit(run: Run) -> None:
    run.journals["reader-0"].append(("fetched", [0, 5, 600]))


def stand_still(run: Run) -> None:
    run.found.committed["new-readers"] = {0: 0}
    run.journals["new_reader-0"] = []


def give_up(run: Run) -> None:
    run.journals["reader-0"].append(("gave_up", ["it hangs"]))


WRONG: dict[str, list[Callable[[Run], None]]] = {
    "an acknowledged record is lost": [lose_an_acknowledged_record],
    "a record isn't where it was said to be": [put_a_record_elsewhere],
    "a record is there twice": [write_twice],
    "records are out of order": [write_in_another_order],
    "a committed transaction isn't whole": [lose_half_a_transaction],
    "an aborted transaction is seen": [show_an_aborted_transaction],
    "a transaction is torn": [tear_a_transaction],
    "a transaction is left open": [leave_a_transaction_open],
    "a record was passed over": [pass_a_record_over],
    "a copy is there without its offset": [copy_without_an_offset],
    "a record that was read has changed": [change_what_was_read],
    "an offset was committed past a record that none has read": [commit_past_what_was_read],
    "a committed offset went back": [forget_a_commit, answer_with_an_old_commit],
    "a group stood still": [stand_still],
    "a client gave up": [give_up],
}


def test_nothing_is_found_in_a_log_that_keeps_all_promises() -> None:
    run = sound()
    assert checker.check(run.journals, run.found) == []


@pytest.mark.parametrize(
    ("kind", "spoil"), [(kind, spoil) for kind, found in WRONG.items() for spoil in found]
)
def test_each_broken_promise_is_found(kind: str, spoil: Callable[[Run], None]) -> None:
    run = deepcopy(sound())
    spoil(run)
    kinds = {sentence.partition(":")[0] for sentence in checker.check(run.journals, run.found)}
    assert kinds == {kind}
