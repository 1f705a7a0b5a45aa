"""A build without a working compiler gives a whole pure wheel, or fails when compiled was asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(
        not (CHECKOUT / "setup.py").exists(), reason="builds from a checkout; this run has none"
    ),
]

HALF_WAY_COMPILER = """#!/bin/sh
# Pretends to compile everything and to link the first library; refuses the second.
for argument in "$@"; do
    [ "$previous" = "-o" ] && output="$argument"
    previous="$argument"
done
case "$output" in
    *.so) echo link >> "{log}"; [ "$(wc -l < "{log}")" -ge 2 ] && exit 1 ;;
esac
: > "$output"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small copy of the project, as all that is imported is checked by mypyc's mypy.

    Two compiled modules are enough to see all or nothing.
    """
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, folder / name)
    package = folder / "streamkit"
    shutil.copytree(
        CHECKOUT / "streamkit" / "model",
        package / "model",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("VERSION", "clock.py", "errors.py", "py.typed"):
        shutil.copy(CHECKOUT / "streamkit" / name, package / name)
    (package / "__init__.py").touch()
    (folder / "compiled_modules.txt").write_text("streamkit/model/change.py\nstreamkit/clock.py\n")
    return folder


def build(source: Path, mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(source / "out"), "."),
    ]
    return subprocess.run(
        command,
        cwd=source,
        env=os.environ | {"STREAMKIT_BUILD": mode} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def extensions_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]


def the_pure_wheel(source: Path) -> Path:
    (wheel,) = (source / "out").glob("*.whl")
    assert wheel.name.endswith("py3-none-any.whl")
    return wheel


def test_no_compiler_gives_a_pure_wheel_and_says_so(source: Path) -> None:
    built = build(source, "auto", CC="/nonexistent/cc", LDSHARED="/nonexistent/cc -shared")
    assert built.returncode == 0, built.stdout + built.stderr
    assert "building pure Python instead" in built.stdout + built.stderr
    assert extensions_in(the_pure_wheel(source)) == []


def test_failure_half_way_leaves_no_extension_behind(source: Path, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text(HALF_WAY_COMPILER.format(log=tmp_path / "links"))
    compiler.chmod(0o755)
    built = build(source, "auto", CC=str(compiler), LDSHARED=f"{compiler} -shared")
    assert built.returncode == 0, built.stdout + built.stderr
    assert len((tmp_path / "links").read_text().splitlines()) >= 2
    assert extensions_in(the_pure_wheel(source)) == []


def test_compiled_mode_makes_the_failure_fatal(source: Path) -> None:
    built = build(source, "compiled", CC="/nonexistent/cc", LDSHARED="/nonexistent/cc -shared")
    assert built.returncode != 0
    assert "STREAMKIT_BUILD=pure builds without" in built.stdout + built.stderr


def test_pure_mode_asks_for_no_compiler(source: Path) -> None:
    built = build(source, "pure", CC="/nonexistent/cc")
    assert built.returncode == 0, built.stdout + built.stderr
    assert extensions_in(the_pure_wheel(source)) == []


def test_unknown_mode_is_refused_with_the_choices(source: Path) -> None:
    built = build(source, "fast")
    assert built.returncode != 0
    assert "auto, compiled, pure" in built.stdout + built.stderr
