"""A real Apache Kafka 4.3.0 broker, one KRaft node, for tests that are marked `kafka`.

```python
with KafkaBroker(tmp_path) as kafka:
    Producer(kafka.bootstrap)
```
"""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from java import java_command

from streamkit.log.protocol import decode_response, encode_request
from streamkit.log.protocol.messages import ApiVersionsRequest

_CLUSTER_ID = "c3RyZWFta2l0LXRlc3RzMQ"
_QUIET_LOG = """\
appenders=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c: %m%n
rootLogger.level=WARN
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=console
"""


class KafkaBroker:
    """Formats a folder, starts the broker, and is ready when it answers ApiVersions.

    Args:
        folder: for data, settings and log output; emptied by nobody.
        settings: broker settings beside the defaults of a one-node cluster.
        start_timeout_s: how long the start may take.

    Attributes:
        bootstrap: `127.0.0.1:port`.
        output: the file that the broker prints to.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        start_timeout_s: float = 90,
    ) -> None:
        self._folder = folder
        self._start_timeout_s = start_timeout_s
        self.port, controller_port = _free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.output = folder / "kafka.out"
        self._log_settings = folder / "log4j2.properties"
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller_port}",
            "log.dirs": str(folder / "data"),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # Many tests write records of long ago, which retention would take after half a minute.
            "log.initial.task.delay.ms": "3600000",
            **(settings or {}),
        }

    def __enter__(self) -> KafkaBroker:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log_settings.write_text(_QUIET_LOG)
        lines = (f"{name}={value}\n" for name, value in self._settings.items())
        self._properties.write_text("".join(lines))
        with self.output.open("ab") as output:
            subprocess.run(
                self._command("kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c"),
                stdout=output,
                stderr=output,
                check=True,
            )
            self._start(output)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the broker, gracefully if it does within ten seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the broker at once, as `kill -9`."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Start it again over the same data."""
        self.stop()
        with self.output.open("ab") as output:
            self._start(output)

    def _command(self, main: str, *arguments: str) -> list[str]:
        command = java_command(main, *arguments, str(self._properties))
        command.insert(1, f"-Dlog4j2.configurationFile={self._log_settings}")
        return command

    def _start(self, output: IO[bytes]) -> None:
        self._process = subprocess.Popen(
            self._command("kafka.Kafka"), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + self._start_timeout_s
        while not answers_api_versions("127.0.0.1", self.port):
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                self.kill()
                tail = self.output.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"Apache Kafka did not start (exit code {ended}):\n{tail}")
            time.sleep(0.1)


def answers_api_versions(host: str, port: int) -> bool:
    """Whether a broker at this address answers ApiVersions now."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(encode_request(ApiVersionsRequest(), 0, 1, "probe"))
            with connection.makefile("rb") as stream:
                (size,) = struct.unpack(">i", stream.read(4))
                correlation_id, _ = decode_response(18, 0, stream.read(size))
                return correlation_id == 1
    except (OSError, struct.error):
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
