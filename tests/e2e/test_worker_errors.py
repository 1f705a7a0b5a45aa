"""What a newcomer is likely to meet: one clear message on standard error, and an exit code."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit.log.client import Admin, NewTopic, Producer
from streamkit.testing import EmbeddedBroker

pytestmark = pytest.mark.timeout(60)

COPY = """
    import streamkit as sk
    app = sk.App("copy", commit_interval_ms=100)
    numbers = app.topic("numbers", key=str, value=int)

    @app.stream(numbers)
    def copy(stream: sk.KStream[str, int]) -> None:
        stream.map_values(lambda value: 10 // value, value=int, name="divide").to("copies")
"""

JOIN = """
    import streamkit as sk
    app = sk.App("joined")
    left = app.topic("numbers", key=str, value=int)
    right = app.table(app.topic("wide", key=str, value=int))

    @app.stream(left)
    def join(stream: sk.KStream[str, int]) -> None:
        stream.join(right, lambda one, other: one + other, value=int).to("sums")
"""


SKIP = 'on_deserialization_error="continue"'


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("numbers", 2), NewTopic("wide", 3)])
        with Producer(broker.bootstrap) as producer:
            for number in (1, 2, 0):
                key = b"some-key"
                producer.append("numbers", 1, key, number.to_bytes(8, "big"), 5, ())
            producer.append("numbers", 0, b"other", b"no number", 5, ())
            producer.flush()
        yield broker.bootstrap


def app_file(folder: Path, text: str) -> Path:
    file = folder / "errors_app.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def worker(*arguments: object, folder: Path, code: int = 1) -> str:
    """Run `streamkit worker`; its standard error, which must not hold a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "streamkit", "worker", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_broker_not_reachable(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        said = worker(
            *(app_file(tmp_path, COPY), "--bootstrap", address, "--state-dir", tmp_path, "--quiet"),
            folder=tmp_path,
        )
    assert said.count("\n") == 1
    assert address in said


def test_record_that_cannot_be_decoded(bootstrap: str, tmp_path: Path) -> None:
    app = app_file(tmp_path, COPY.replace("10 // value", "value"))
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
    for fact in (
        "KSTREAM-SOURCE",
        "topic numbers",
        "partition 0",
        "offset 0",
        "on_deserialization",
    ):
        assert fact in said


def test_function_that_raises(bootstrap: str, tmp_path: Path) -> None:
    app = app_file(
        tmp_path, COPY.replace('("copy", ', '("copy", on_deserialization_error="continue", ')
    )
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
    for fact in ("'divide' raised ZeroDivisionError", "numbers, partition 1, offset 2", "some-key"):
        assert fact in said
    assert "errors_app.py:8" in said


@pytest.mark.parametrize("policy", ["", ', on_processing_error="continue"'])
def test_function_that_calls_exit(bootstrap: str, tmp_path: Path, policy: str) -> None:
    """It would end the worker without a word, and as if all were well."""
    text = COPY.replace("10 // value", "exit(0) if value == 2 else value").replace(
        '("copy", ', f'("leaving-{len(policy)}", on_deserialization_error="continue"{policy}, '
    )
    app = app_file(tmp_path, text)
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
    for fact in ("'divide' raised SystemExit: 0", "numbers, partition 1, offset 1", "SIGTERM"):
        assert fact in said
    assert "errors_app.py:8" in said
    assert "on_processing_error" not in said


def test_records_are_passed_over_where_the_app_says_so(bootstrap: str, tmp_path: Path) -> None:
    options = 'on_deserialization_error="continue", on_processing_error="continue", '
    app = app_file(tmp_path, COPY.replace('("copy", ', f'("skipping", {options}'))
    said = worker(
        *(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, "--stop-at-end"),
        folder=tmp_path,
        code=0,
    )
    assert "2 dropped" in said
    assert "dropped by divide: 1 (processing error)" in said


def test_value_that_the_serde_cannot_write(bootstrap: str, tmp_path: Path) -> None:
    text = COPY.replace("10 // value", "str(value)").replace("commit_interval_ms=100", SKIP)
    app = app_file(tmp_path, text)
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
    for fact in ("operator 'KSTREAM-SINK-", "str", "topic numbers, partition 1, offset 0"):
        assert fact in said


def test_output_topic_that_nobody_may_create(tmp_path: Path) -> None:
    with EmbeddedBroker(settings={"auto.create.topics.enable": "false"}) as broker:
        with Admin(broker.bootstrap) as admin:
            admin.create_topics([NewTopic("numbers", 1)])
        with Producer(broker.bootstrap) as producer:
            producer.append("numbers", 0, b"key", (5).to_bytes(8, "big"), 5, ())
            producer.flush()
        app = app_file(tmp_path, COPY)
        said = worker(
            *(app, "--bootstrap", broker.bootstrap, "--state-dir", tmp_path, "--quiet"),
            folder=tmp_path,
        )
    assert "topic copies does not exist" in said
    assert said.count("\n") == 1


def test_joined_topics_with_other_numbers_of_partitions(bootstrap: str, tmp_path: Path) -> None:
    said = worker(
        *(app_file(tmp_path, JOIN), "--bootstrap", bootstrap, "--state-dir", tmp_path),
        folder=tmp_path,
    )
    for fact in ("'numbers' has 2", "'wide' has 3", "repartition()"):
        assert fact in said


def test_source_topic_that_does_not_exist(bootstrap: str, tmp_path: Path) -> None:
    app = app_file(tmp_path, COPY.replace('"numbers"', '"nowhere"'))
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
    assert "'nowhere'" in said
    assert "streamkit topics create" in said


@pytest.mark.parametrize(
    ("target", "fact"),
    [
        ("nothing_here.py", "no such file"),
        ("no_such_module:app", "no module named 'no_such_module'"),
        ("errors_app", "no module named"),
        ("errors_app.py:other", "has no 'other'; it has: app"),
        ("errors_app.py:sk", "is a module, not an App"),
    ],
)
def test_app_that_is_not_there(tmp_path: Path, target: str, fact: str) -> None:
    app_file(tmp_path, COPY)
    if target == "errors_app":
        (tmp_path / "errors_app.py").rename(tmp_path / "renamed.py")
    said = worker(target, folder=tmp_path)
    assert fact in said
    assert said.count("\n") == 1


def test_app_whose_code_raises(tmp_path: Path) -> None:
    said = worker(app_file(tmp_path, COPY.replace("map_values", "map_valeus")), folder=tmp_path)
    assert "AttributeError" in said
    assert "'map_valeus'" in said
    assert f'File "{tmp_path}/errors_app.py", line 8, in copy' in said


def test_summary_that_could_not_be_written_is_told_at_once(tmp_path: Path) -> None:
    app = app_file(tmp_path, COPY)
    said = worker(app, "--metrics-json", "no/such/folder.json", folder=tmp_path, code=2)
    assert "there is no folder no/such" in said


def test_no_app_given_is_wrong_usage(tmp_path: Path) -> None:
    assert "Usage" in worker(folder=tmp_path, code=2)


def test_state_folder_held_by_somebody_else(bootstrap: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    app = app_file(tmp_path, COPY)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        said = worker(app, "--bootstrap", bootstrap, "--state-dir", tmp_path, folder=tmp_path)
        assert time.monotonic() - began < 30
    finally:
        os.close(lock)
    assert f"state folder {folder} is in use" in said
    assert "--state-dir" in said


def test_state_folder_that_cannot_be_made(bootstrap: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = app_file(tmp_path, COPY)
    folder = tmp_path / "file" / "state"
    said = worker(app, "--bootstrap", bootstrap, "--state-dir", folder, folder=tmp_path)
    assert "can't use" in said
    assert "Not a directory" in said
