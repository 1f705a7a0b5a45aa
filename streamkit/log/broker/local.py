"""The default broker of a data folder: joined if it runs, else started in a session of its own.

| file in the data folder | what it holds |
| --- | --- |
| `.lock` | held by the broker that has the folder open |
| `broker.address` | cluster id and host:port of that broker |
| `broker.log` | what a broker that was started here had to say |

Whoever needs a broker looks for the address and asks there for the cluster's id: a file that a killed broker
left behind, or a port that now is somebody else's, doesn't lead astray. If nobody answers, a broker is started. Of two that
start at once, one gets the lock and the other ends; both callers then find the one that won.

The broker listens on 127.0.0.1 only, where its killed predecessor did if that port is still free, so that clients
which were connected find it again. It survives the process that started it, and ends when no client has been
connected for a while.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from streamkit.errors import NotReachableError, ProtocolError
from streamkit.log.protocol import ApiKey, decode_response, encode_request
from streamkit.log.protocol.messages.describe_cluster import DescribeClusterRequest

__all__ = ["address_file", "default_data_dir", "local_broker", "remove_address", "write_address"]

IDLE_EXIT_SECONDS = 300
_LOOPBACK = "127.0.0.1"
_START_SECONDS = 20.0
_POLL_SECONDS = 0.02
_ASK_SECONDS = 2.0
_LENGTH = struct.Struct(">i")


class _LeftRunning(subprocess.Popen[bytes]):
    """A process that may outlive this one, which is no oversight: nothing warns of it."""

    def __del__(self) -> None:
        pass


_children: list[_LeftRunning] = []
"""Brokers started by this process, to be reaped if they end before it does."""


def default_data_dir() -> Path:
    """The data folder when nobody names one: `STREAMKIT_DATA_DIR`, else one in the user's home."""
    named = os.environ.get("STREAMKIT_DATA_DIR")
    if named:
        return Path(named)
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "streamkit" / "log"


@contextlib.contextmanager
def local_broker(
    data_dir: Path | None = None, *, idle_exit_seconds: int = IDLE_EXIT_SECONDS
) -> Iterator[str]:
    """The address of the data folder's broker, which is started if it doesn't run.

    It goes on after the `with` block, until it has been idle for a while; within the block it isn't idle.

    Args:
        data_dir: the folder; None: `default_data_dir()`.
        idle_exit_seconds: when a broker that is started here ends by itself; 1 or more.

    Raises:
        NotReachableError: it can't be started; the message has its last words.

    Example:
        >>> import tempfile
        >>> with local_broker(Path(tempfile.mkdtemp()), idle_exit_seconds=1) as bootstrap:
        ...     bootstrap.startswith("127.0.0.1:")
        True
    """
    folder = (data_dir or default_data_dir()).absolute()
    address = _running(folder) or _started(folder, idle_exit_seconds)
    # An open connection is what tells a broker that it is still needed.
    with _connected(address):
        yield address


def address_file(data_dir: Path) -> Path:
    """Where the address of the folder's broker stands."""
    return data_dir / "broker.address"


def write_address(data_dir: Path, cluster_id: str, address: str) -> None:
    """Say where the folder's broker listens; for the broker itself, which holds the lock."""
    path = address_file(data_dir)
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{cluster_id} {address}\n", encoding="utf-8")
    fresh.replace(path)


def remove_address(data_dir: Path) -> None:
    """Take the address back, before the lock is given up."""
    address_file(data_dir).unlink(missing_ok=True)


def _running(folder: Path) -> str | None:
    """The address of the folder's broker, if one runs and answers."""
    try:
        cluster_id, address = address_file(folder).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    try:
        return address if _cluster_id(address) == cluster_id else None
    except (OSError, ProtocolError):
        return None


def _started(folder: Path, idle_exit_seconds: int) -> str:
    """Start a broker and wait until it, or one that was faster, answers."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        output = (folder / "broker.log").open("ab")
    except OSError as error:
        raise NotReachableError(f"can't use the data folder {folder}: {error.strerror}") from error
    command = [
        *(sys.executable, "-m", "streamkit", "broker", "--listen", _free_address(folder)),
        *("--data-dir", str(folder), "--idle-exit", str(idle_exit_seconds)),
        *("--set", "connections.max.idle.ms=-1"),
    ]
    with output:
        said_before = output.tell()
        process = _LeftRunning(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _children[:] = [child for child in _children if child.poll() is None]
    _children.append(process)
    deadline = time.monotonic() + _START_SECONDS
    ended = False
    while time.monotonic() < deadline:
        address = _running(folder)
        if address is not None:
            return address
        if process.poll() is not None and not ended:
            # Somebody else may have been faster: then their broker answers soon.
            ended = True
            deadline = min(deadline, time.monotonic() + 5)
        time.sleep(_POLL_SECONDS)
    with contextlib.suppress(OSError):
        process.terminate()
    with (folder / "broker.log").open("rb") as log:
        log.seek(said_before)
        said = log.read(4096).decode("utf-8", "replace").strip()
    raise NotReachableError(f"the broker of {folder} doesn't start: {said or 'it said nothing'}")


def _free_address(folder: Path) -> str:
    """The address that a killed broker left behind, if it is free now; else that of any free port."""
    with contextlib.suppress(OSError, ValueError):
        _, address = address_file(folder).read_text(encoding="utf-8").split()
        host, _, port = address.rpartition(":")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_LOOPBACK, int(port)))
        if host == _LOOPBACK:
            return address
    return f"{_LOOPBACK}:0"


@contextlib.contextmanager
def _connected(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _ASK_SECONDS) as connection:
        yield connection


def _cluster_id(address: str) -> str:
    """Ask a broker for its cluster's id."""
    with _connected(address) as connection:
        connection.sendall(encode_request(DescribeClusterRequest(), 0, 1, "streamkit-local"))
        with connection.makefile("rb") as answers:
            (size,) = _LENGTH.unpack(_exactly(answers.read(4), 4))
            if not 0 <= size <= 1 << 20:
                raise ProtocolError(f"{address} doesn't speak Kafka's protocol")
            body = _exactly(answers.read(size), size)
    _, answer = decode_response(ApiKey.DESCRIBE_CLUSTER, 0, body)
    return str(answer.cluster_id)


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise ProtocolError("the answer is cut off")
    return data
