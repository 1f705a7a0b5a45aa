"""Runs the test suite on a compiled wheel: in an environment of its own, outside the checkout.

In the checkout `import streamkit` would find the sources, so the tests are copied elsewhere first.

Usage: `python tests/support/compiled_suite.py install ENVIRONMENT` builds and installs, then
`python tests/support/compiled_suite.py test ENVIRONMENT [pytest arguments]` tests what is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BESIDE_THE_TESTS = (
    "tests",
    "examples",
    "docs",
    "pyproject.toml",
    "compiled_modules.txt",
    "README.md",
)


def run(*command: str | Path, cwd: Path = CHECKOUT, **environment: str) -> None:
    subprocess.run(
        [str(part) for part in command], cwd=cwd, check=True, env=os.environ | environment
    )


def build_wheel(folder: Path) -> Path:
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ".",
        STREAMKIT_BUILD="compiled",
    )  # fmt: skip
    return next(folder.glob("streamkit-*.whl"))


def install(environment: Path) -> None:
    """Put a freshly compiled streamkit into `environment`, which is made if need be."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    with tempfile.TemporaryDirectory() as name:
        wheel = build_wheel(Path(name))
        run(python, "-m", "pip", "install", "--quiet", "--group", "dev", wheel)
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)


def copy_suite(folder: Path) -> None:
    for item in BESIDE_THE_TESTS:
        source = CHECKOUT / item
        if source.is_dir():
            shutil.copytree(source, folder / item, ignore=shutil.ignore_patterns("target"))
        elif source.exists():
            shutil.copy(source, folder / item)


def test(environment: Path, arguments: Sequence[str]) -> int:
    """Run the suite with what is installed; pytest's exit code."""
    with tempfile.TemporaryDirectory() as name:
        copy_suite(Path(name))
        python = environment / "bin" / "python"
        return subprocess.run(
            [python, "-m", "pytest", "-m", "not kafka and not slow and not torture", *arguments],
            cwd=name,
            env=os.environ | {"STREAMKIT_EXPECTED_BUILD": "compiled"},
            check=False,
        ).returncode


def main(command: str, environment: Path, arguments: Sequence[str]) -> int:
    if command == "install":
        install(environment)
        return 0
    return test(environment, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3:]))
