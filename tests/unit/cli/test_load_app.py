"""From `module:app` or a path to the application, and what is said when it isn't there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamkit.cli.load_app import load_app
from streamkit.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"import streamkit as sk\n{text}\n", encoding="utf-8")


@pytest.mark.parametrize(
    "target", ["orders_app", "orders_app:app", "orders_app.py", "./orders_app.py:app"]
)
def test_module_and_path_with_and_without_a_name(folder: Path, target: str) -> None:
    write(folder, "orders_app.py", "app = sk.App('orders')\nalias = app")
    assert load_app(target).app_id == "orders"


def test_attribute_of_an_attribute(folder: Path) -> None:
    write(folder, "nested_app.py", "class Apps:\n    first = sk.App('first')")
    assert load_app("nested_app.py:Apps.first").app_id == "first"


def test_file_may_import_its_neighbours(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    write(inner, "neighbour_settings.py", "NAME = 'near'")
    write(inner, "near_app.py", "import neighbour_settings as s\napp = sk.App(s.NAME)")
    assert load_app("inner/near_app.py").app_id == "near"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("missing.py", "no such file"),
        ("inner/", "is a folder"),
        ("missing_module:app", "no module named 'missing_module'"),
        ("two_apps.py", r"several apps in it \(one, two\); choose one with two_apps.py:one"),
        ("no_app.py", "there is no App in it"),
        ("no_app.py:x", "has no 'x'; it has no App"),
        (".", "neither a module's name nor the path"),
        ("", "neither a module's name nor the path"),
        (":app", "neither a module's name nor the path"),
        ("two_apps.py:sk", "'sk' is a module, not an App"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, target: str, message: str) -> None:
    (folder / "inner").mkdir()
    write(folder, "two_apps.py", "one = sk.App('one')\ntwo = sk.App('two')")
    write(folder, "no_app.py", "")
    with pytest.raises(ConfigError, match=message):
        load_app(target)


@pytest.mark.parametrize("target", ["broken_app.py", "broken_app"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed"),
        ("app = sk.App('x', commit_intervall_ms=5)", "TypeError: .*'commit_intervall_ms'"),
        ("def build():\n    1 // 0\nbuild()", "ZeroDivisionError: "),
        ("app = sk.App('x'", "was never closed"),
        ("app = sk.App('x', commit_interval_ms=-5)", "^commit_interval_ms is at least 1 ms"),
    ],
)
def test_what_the_code_of_the_app_raised_is_said_with_its_line(
    folder: Path, text: str, message: str, target: str
) -> None:
    sys.modules.pop("broken_app", None)
    write(folder, "broken_app.py", text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_app(target)
    said = str(caught.value)
    if not message.startswith("^"):
        assert f'File "{folder}/broken_app.py", line ' in said
        assert text.splitlines()[-1] in said
    assert "importlib" not in said
    assert "load_app.py" not in said


def test_hint_at_the_file_of_the_same_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "hint_app.py", "")
    monkeypatch.setattr("streamkit.cli.load_app._importable", lambda _: None)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part not in ("", str(folder))])
    with pytest.raises(ConfigError, match=r"did you mean hint_app.py\?"):
        load_app("hint_app")
