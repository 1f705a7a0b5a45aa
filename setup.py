"""Builds streamkit compiled by mypyc, or pure. All or nothing; everything else stands in pyproject.toml.

`STREAMKIT_BUILD` chooses:

| value | what happens |
| --- | --- |
| `auto` (the default) | compiled; on any failure pure, whole, with a message that says why |
| `compiled` | compiled; a failure ends the build |
| `pure` | no compiler is looked for |

Editable installs are always pure: they run the files of the checkout.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

MODES = ("auto", "compiled", "pure")


def compiled_sources() -> list[str]:
    """The hot modules, one a line in `compiled_modules.txt`."""
    lines = Path("compiled_modules.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def build_mode() -> str:
    mode = os.environ.get("STREAMKIT_BUILD", "auto")
    if mode not in MODES:
        raise SystemExit(f"STREAMKIT_BUILD={mode!r}: choose one of {', '.join(MODES)}")
    editable = any("editable" in argument or argument == "develop" for argument in sys.argv)
    return "pure" if editable else mode


def fall_back(mode: str, reason: BaseException) -> None:
    """Say that the build goes on without compiled modules, unless compiled was asked for."""
    if mode == "compiled":
        raise SystemExit(
            f"STREAMKIT_BUILD=compiled, but compiling failed: {reason!r}\n"
            "A C compiler and the Python headers are needed; STREAMKIT_BUILD=pure builds without."
        ) from reason
    print(
        f"streamkit: compiling failed, building pure Python instead (slower, same results): {reason!r}",
        file=sys.stderr,
    )


def extensions(mode: str) -> list[Extension]:
    """The extension modules as C files, or none."""
    if mode == "pure":
        return []
    try:
        from mypyc.build import mypycify

        return list(
            mypycify(
                ["--ignore-missing-imports", *compiled_sources()],
                opt_level=os.environ.get("STREAMKIT_OPT_LEVEL", "3"),
                debug_level="0",
                group_name="streamkit",
            )
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, pure works
        fall_back(mode, error)
        return []


MODE = build_mode()


class BuildExtensions(build_ext):
    """Compiles all modules or none: one that fails takes the others with it."""

    def run(self) -> None:
        try:
            super().run()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, pure works
            fall_back(MODE, error)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []
            self.distribution.ext_modules = []


class BuildWheel(bdist_wheel):
    """Names the wheel after what was really built: a pure one fits every platform."""

    def run(self) -> None:
        if self.distribution.ext_modules:
            self.run_command("build_ext")
        if not self.distribution.ext_modules:
            self.root_is_pure = True
            self.plat_name_supplied = False
        super().run()


def main(commands: Sequence[str] = ()) -> Any:
    return setup(
        ext_modules=extensions(MODE),
        cmdclass={"build_ext": BuildExtensions, "bdist_wheel": BuildWheel},
        **({"script_args": list(commands)} if commands else {}),
    )


if __name__ == "__main__":
    main()
