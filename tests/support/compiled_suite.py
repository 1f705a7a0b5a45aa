"""Runs the test suite on a compiled wheel: in an environment of its own, outside the checkout.

In the checkout `import streamkit` would find the sources, so the tests are copied elsewhere first.

Usage: `python tests/support/compiled_suite.py ENVIRONMENT [pytest arguments]`, or `--install-only` to make
the environment and stop there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
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


def install(environment: Path) -> Path:
    """Put a freshly compiled streamkit into `environment`, which is made if need be; its Python."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    with tempfile.TemporaryDirectory() as name:
        wheel = build_wheel(Path(name))
        run(python, "-m", "pip", "install", "--quiet", "--group", "dev", wheel)
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    return python


def copy_suite(folder: Path) -> None:
    for item in BESIDE_THE_TESTS:
        source = CHECKOUT / item
        if source.is_dir():
            shutil.copytree(source, folder / item, ignore=shutil.ignore_patterns("target"))
        elif source.exists():
            shutil.copy(source, folder / item)


def main(environment: Path, arguments: list[str]) -> int:
    python = install(environment)
    if arguments == ["--install-only"]:
        return 0
    with tempfile.TemporaryDirectory() as name:
        copy_suite(Path(name))
        return subprocess.run(
            [python, "-m", "pytest", "-m", "not kafka and not slow and not torture", *arguments],
            cwd=name,
            env=os.environ | {"STREAMKIT_EXPECTED_BUILD": "compiled"},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
