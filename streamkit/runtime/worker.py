"""Worker: one process's share of an application, from joining the group to leaving it.

Threads: the caller's (signals, progress), the client's network thread, **one** processing thread that owns
tasks, stores and the consumer (see `WorkerRun`), and a restore thread.

An error on the processing thread stops the worker: tasks close without a commit, the worker leaves the group
so that others take over at once, and `join` raises it.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from streamkit.clock import Clock, SystemClock
from streamkit.errors import StreamkitError, caused_by
from streamkit.log.client import NetworkThread
from streamkit.runtime.worker_run import WorkerRun
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.runtime.worker_status import WorkerStatus
from streamkit.topology.plan import TopologyPlan, plan
from streamkit.topology.topology import Topology

__all__ = ["Worker"]


class Worker:
    """Runs a topology against a cluster.

    Args:
        topology: what to run.
        settings: see `WorkerSettings`.
        clock: wall clock; None: the machine's.
        network: the client's network thread; None: the one that the process shares.

    Attributes:
        status: what it is doing, replaced as it goes on.

    Raises:
        TopologyError: the topology can't run as written.

    Example:
        >>> from pathlib import Path
        >>> topology = Topology()
        >>> _ = topology.add_source("in", "words")
        >>> _ = topology.add_sink("out", "copies", "in")
        >>> settings = WorkerSettings("copy", "127.0.0.1:9092", Path("state"))
        >>> worker = Worker(topology, settings)
        >>> worker.status.state
        'starting'
    """

    def __init__(
        self,
        topology: Topology,
        settings: WorkerSettings,
        *,
        clock: Clock | None = None,
        network: NetworkThread | None = None,
    ) -> None:
        self.settings = settings
        self.plan: TopologyPlan = plan(topology, settings.application_id)
        self.status = WorkerStatus()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._work = WorkerRun(self.plan, settings, clock or SystemClock(), network, self._publish)
        self._thread = threading.Thread(target=self._run, name="streamkit-processing", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for a graceful end: finish the chunk, commit, leave the group. Returns at once.

        Safe in signal handlers and from any thread.
        """
        self._work.stop()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the worker has ended.

        Args:
            timeout: seconds; None: as long as it takes.

        Returns:
            False if it still runs.

        Raises:
            StreamkitError: what stopped it.
        """
        if not self._ended.wait(timeout):
            return False
        self._thread.join()
        if self._error is not None:
            raise self._error
        return True

    def run(self) -> None:
        """Start, and wait for the end."""
        self.start()
        self.join()

    # -- the processing thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work.run()
            self._publish(replace(self.status, state="stopped"))
        except SystemExit as error:
            # Raised again by join, it would end the process as if all were well.
            ended = StreamkitError(f"the application called sys.exit({error.code!r}) in a worker")
            self._error = caused_by(ended, error)
            self._publish(replace(self.status, state="failed"))
        except BaseException as error:  # noqa: BLE001  # the thread's boundary: join raises it
            self._error = error
            self._publish(replace(self.status, state="failed"))
        finally:
            self._ended.set()

    def _publish(self, status: WorkerStatus) -> None:
        self.status = status
