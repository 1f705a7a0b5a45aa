"""Apache Kafka's jars for tests that are marked `kafka`: fetched once, by Maven, from Maven Central.

`java_command("some.Class", "argument")` is a command line that runs a class of those jars, or, with the path of
a `.java` file, a program of ours against them.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

JAVA_FOLDER = Path(__file__).resolve().parents[1] / "java"
_TARGET = JAVA_FOLDER / "target"
_LIB = _TARGET / "lib"
_COMPLETE = _TARGET / "lib.complete"


def jars_fetched() -> bool:
    """Whether the jars are there, so that it takes no Maven."""
    return _COMPLETE.exists()


def java_classpath() -> str:
    """The class path of Apache Kafka 4.3.0; the first call fetches the jars.

    Safe to call from many processes at once: one of them fetches, the others wait.
    """
    _TARGET.mkdir(parents=True, exist_ok=True)
    pom = JAVA_FOLDER / "pom.xml"
    wanted = pom.read_text()
    with (_TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _COMPLETE.exists() or _COMPLETE.read_text() != wanted:
            shutil.rmtree(_LIB, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(
                    f"Maven could not fetch Kafka's jars:\n{done.stdout}{done.stderr}"
                )
            _COMPLETE.write_text(wanted)
    return f"{_LIB}/*"


def java_command(program: str | Path, *arguments: str, heap: str = "512m") -> list[str]:
    """The command line of a class in the jars, or of a single-file program.

    Args:
        program: a class name, or the path of a `.java` file.
        arguments: what it gets.
        heap: the JVM's maximum heap.
    """
    return [
        "java",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        java_classpath(),
        str(program),
        *arguments,
    ]


def compiled_java_command(main: str, *sources: str) -> list[str]:
    """The command line of a program of several files in the folder of Java programs.

    Args:
        main: its main class.
        sources: names of its files; compiled again only when they have changed.
    """
    jars = java_classpath()
    texts = [(JAVA_FOLDER / source).read_bytes() for source in sources]
    classes = _TARGET / "classes" / f"{main}-{hashlib.sha256(b''.join(texts)).hexdigest()[:16]}"
    with (_TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not classes.exists():
            draft = classes.with_suffix(".new")
            files = [str(JAVA_FOLDER / source) for source in sources]
            subprocess.run(
                ["javac", "-nowarn", "-cp", jars, "-d", str(draft), *files],
                check=True,
                capture_output=True,
            )
            draft.rename(classes)
    command = java_command(main)
    command[command.index("-cp") + 1] = f"{classes}:{jars}"
    return command


def run_java(
    program: str | Path, *arguments: str, stdin: str | None = None, timeout: float = 120
) -> str:
    """What the program printed; raises `RuntimeError` with its errors when it fails."""
    done = subprocess.run(
        java_command(program, *arguments),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
