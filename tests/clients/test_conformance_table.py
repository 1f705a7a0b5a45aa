"""The declarations of the conformance suite, without any broker."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from aiokafka_admin import AiokafkaAdmin
from client_drivers import Aiokafka, Confluent, KafkaPython
from confluent_admin import ConfluentAdmin
from conformance_scenarios import (
    CLIENTS,
    DIFFERENCES,
    SCENARIOS,
    TOOLS_OWN,
    clients_of,
    lacks_of,
    page_lacks,
    page_table,
)
from conformance_shown import DIFFERENT_LINES, SHOWN, other_lines, shows
from java import JAVA_FOLDER
from kafka_python_admin import KafkaPythonAdmin

TESTS = Path(__file__).parent
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "clients.md"


def test_page_shows_the_table_that_is_run() -> None:
    """After a change: put the output of `page_table()` into the page."""
    assert page_table() in PAGE.read_text(encoding="utf-8")


def test_page_says_why_cells_are_empty() -> None:
    """After a change: put the output of `page_lacks()` into the page."""
    assert page_lacks() in PAGE.read_text(encoding="utf-8")


def test_each_empty_cell_is_a_lack_of_the_client() -> None:
    for client in CLIENTS:
        empty = {
            name for name in SCENARIOS if client not in clients_of(name) and name not in TOOLS_OWN
        }
        assert lacks_of(client).keys() == empty, client
    for name, client in TOOLS_OWN.items():
        assert clients_of(name) == (client,)


def test_there_are_few_differences_and_each_has_a_reason() -> None:
    assert len(DIFFERENCES) <= 5
    assert all(reason and "not implemented" not in reason for reason in DIFFERENCES.values())
    assert set(DIFFERENCES) <= set(SCENARIOS)


def test_each_scenario_has_something_to_show() -> None:
    """An answer of nothing, or one that tells only that a program ended, shows it to no client."""
    assert {name.split()[0] for name in SHOWN} == SCENARIOS.keys()
    for name in SCENARIOS.keys() - {"unknown_broker_setting"}:
        for client in clients_of(name):
            for trivial in ([], [""], ["null", "[]", "{}"], ["ok"], ["tool: exit code 1"]):
                assert not shows(client, name, trivial), (name, client, trivial)


def test_each_declared_difference_is_pinned_to_its_lines() -> None:
    """Those of the Python clients stand in their tests."""
    programs = {"java", "kafka-tools", "kcat", "kafkajs", "franz-go"}
    assert DIFFERENT_LINES.keys() == DIFFERENCES.keys()
    for name, lines in DIFFERENT_LINES.items():
        assert lines.keys() == programs & set(clients_of(name))
    assert other_lines(["a", "b", "c"], ("b",)) == ["a", "c"]
    assert other_lines(["a", "c"], ("b",)) is None
    assert other_lines(["c", "b"], ("b", "c")) is None


def test_every_scenario_has_clients_that_are_known() -> None:
    for name in SCENARIOS:
        asked = clients_of(name)
        assert asked
        assert set(asked) <= set(CLIENTS)


@pytest.mark.parametrize(
    ("driver", "admin"),
    [(Confluent, ConfluentAdmin), (KafkaPython, KafkaPythonAdmin), (Aiokafka, AiokafkaAdmin)],
)
def test_no_cell_of_a_python_client_is_skipped(
    driver: type[Confluent | KafkaPython | Aiokafka],
    admin: type[ConfluentAdmin | KafkaPythonAdmin | AiokafkaAdmin],
) -> None:
    """The tests skip what a driver says that it hasn't got: codecs need modules of their own, for one."""
    asked = {name for name in SCENARIOS if driver.name in clients_of(name)}
    codecs = {f"codec_{codec}" for codec in driver.codecs}
    assert codecs == {name for name in asked if name.startswith("codec_")}
    groups = {f"group_{assignor.replace('-', '_')}" for assignor in driver.assignors}
    assert groups == {name for name in asked if name.startswith("group_")}
    assert not asked & admin.lacks


def test_each_test_that_shows_a_scenario_asserts_something() -> None:
    shown = 0
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                "pytest.mark.scenario" in ast.unparse(decorator)
                for decorator in node.decorator_list
            ):
                shown += 1
                body = ast.unparse(ast.Module(body=list(node.body), type_ignores=[]))
                assert re.search(r"\bassert\b|\braises\(|\brefused\(", body), node.name
    assert shown > 30


@pytest.mark.parametrize("judge", ["ClientJudge", "ConsumerProtocolJudge", "TransactionJudge"])
def test_each_check_of_a_java_judge_asserts_something(judge: str) -> None:
    """A check that ends is printed as "ok": it has to end otherwise, too."""
    text = (JAVA_FOLDER / f"{judge}.java").read_text(encoding="utf-8")
    bodies = dict(re.findall(r"^    private void (\w+)\(.*?\{\n(.*?)^    \}\n", text, re.M | re.S))
    checks = set(re.findall(r"checks\.put\(.*judge(?:::|\.)(\w+)", text))
    assert len(checks) > 5
    for check in checks:
        assert re.search(r"\b(equal|check|refused|until|wait\w*)\(", bodies[check]), check
