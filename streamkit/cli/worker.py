"""worker: run an application, in this process or in several that are watched over.

One worker runs in the foreground until SIGTERM or SIGINT, then commits and leaves its group; a second SIGINT
ends it at once. With `--workers N` a supervisor runs N such processes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from streamkit.app import App
from streamkit.cli.load_app import load_app
from streamkit.cli.ship_app import SHIPPED, shipped, unshipped
from streamkit.errors import ConfigError, StreamkitError
from streamkit.log.broker.local import local_broker
from streamkit.log.broker.settings import parse_listener
from streamkit.runtime.supervisor import STATUS_FD, TEMPORARY_FAILURE, Supervisor
from streamkit.runtime.worker import Worker
from streamkit.runtime.worker_settings import WorkerSettings
from streamkit.runtime.worker_status import WorkerStatus
from streamkit.state import StoreSettings

__all__ = ["run_app", "worker"]

log = logging.getLogger(__name__)

_PROGRESS_SECONDS = 10.0
_REPORT_SECONDS = 0.2


@click.command()
@click.argument("app")
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    envvar="STREAMKIT_BOOTSTRAP",
    help="The cluster.  [default: $STREAMKIT_BOOTSTRAP, the app's own, or the bundled broker]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Worker processes, watched over and restarted.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where state lies.  [default: $STREAMKIT_STATE_DIR, or a folder in your home]",
)
@click.option("--stop-at-end", is_flag=True, help="Stop once every input is processed.")
@click.option(
    "--commit-interval-ms", type=click.IntRange(min=1), help="Overrides the app's setting."
)
@click.option("--session-timeout-ms", type=click.IntRange(min=1), default=45_000, hidden=True)
@click.option(
    "--metrics-json",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=lambda _context, _option, path: _writable(path),
    help="Write the summary there too.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus there (needs streamkit[metrics]).",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress, only errors.")
@click.pass_context
def worker(
    context: click.Context,
    *,
    app: str,
    bootstrap: str | None,
    workers: int,
    state_dir: Path | None,
    stop_at_end: bool,
    commit_interval_ms: int | None,
    session_timeout_ms: int,
    metrics_json: Path | None,
    metrics: str | None,
    quiet: bool,
) -> None:
    """Run APP, which is MODULE:NAME or a file's path (app.py, app.py:name)."""
    options = _Options(
        bootstrap,
        state_dir,
        stop_at_end,
        commit_interval_ms,
        session_timeout_ms,
        metrics_json,
        quiet,
        metrics,
    )
    if workers > 1:
        loaded = unshipped(app) if app.endswith(SHIPPED) else load_app(app)
        settings_bootstrap = loaded.settings.bootstrap
        loaded.topology()  # what is wrong with it shall be said once, not by each worker
        verbose = bool(context.find_root().params.get("verbose"))
        with _broker(bootstrap or settings_bootstrap) as address:
            name = loaded.settings.app_id
            code = _supervise(app, name, workers, options, address, verbose=verbose)
        context.exit(code)
    loaded = unshipped(app) if app.endswith(SHIPPED) else load_app(app)
    with _broker(bootstrap or loaded.settings.bootstrap) as address:
        _run_worker(loaded, options, address)


def run_app(
    app: App,
    *,
    bootstrap: str | None = None,
    workers: int = 1,
    state_dir: str | Path | None = None,
    stop_at_end: bool = False,
    quiet: bool = False,
    metrics: str | None = None,
) -> None:
    """Run an app from a program or a notebook, as `streamkit worker` does from the shell.

    Args:
        app: may be defined in `__main__`: with several workers it travels to them by cloudpickle.
        bootstrap: None: the app's, else the bundled broker.
        workers: 1: in this process, on a thread of its own; more: processes.
        state_dir: None: the app's, else a folder in the user's home.
        stop_at_end: return once every input is processed; else at KeyboardInterrupt or SIGTERM.
        quiet: no progress.
        metrics: "HOST:PORT" to serve `/metrics` for Prometheus on.

    Raises:
        StreamkitError: what stopped it.
    """
    options = _Options(
        bootstrap,
        None if state_dir is None else Path(state_dir),
        stop_at_end,
        None,
        45_000,
        None,
        quiet,
        metrics,
    )
    with _broker(bootstrap or app.settings.bootstrap) as address:
        if workers == 1:
            _run_worker(app, options, address)
            return
        with tempfile.TemporaryDirectory(prefix="streamkit-app-") as folder:
            file = Path(folder) / f"app{SHIPPED}"
            file.write_bytes(shipped(app))
            name = app.settings.app_id
            code = _supervise(str(file), name, workers, options, address, verbose=False)
        if code:
            raise StreamkitError(f"a worker ended with exit code {code}; its message stands above")


class _Options:
    """What the command line said, as it goes on to worker processes."""

    def __init__(
        self,
        bootstrap: str | None,
        state_dir: Path | None,
        stop_at_end: bool,
        commit_interval_ms: int | None,
        session_timeout_ms: int,
        metrics_json: Path | None,
        quiet: bool,
        metrics: str | None = None,
    ) -> None:
        self.bootstrap = bootstrap
        self.state_dir = state_dir
        self.stop_at_end = stop_at_end
        self.commit_interval_ms = commit_interval_ms
        self.session_timeout_ms = session_timeout_ms
        self.metrics_json = metrics_json
        self.quiet = quiet
        self.metrics = metrics

    def arguments(self, address: str) -> list[str]:
        words = ["--bootstrap", address, "--session-timeout-ms", str(self.session_timeout_ms)]
        if self.state_dir is not None:
            words += ["--state-dir", str(self.state_dir)]
        if self.commit_interval_ms is not None:
            words += ["--commit-interval-ms", str(self.commit_interval_ms)]
        if self.stop_at_end:
            words.append("--stop-at-end")
        return [*words, "--quiet"]

    def settings(self, app: App, address: str) -> WorkerSettings:
        said = app.settings
        return WorkerSettings(
            application_id=said.app_id,
            bootstrap=address,
            state_dir=self.state_dir or said.state_dir or default_state_dir(),
            commit_interval_ms=self.commit_interval_ms or said.commit_interval_ms,
            max_task_idle_ms=said.max_task_idle_ms,
            auto_offset_reset=said.auto_offset_reset,
            on_deserialization_error=said.on_deserialization_error,
            on_processing_error=said.on_processing_error,
            statestore_cache_max_bytes=said.statestore_cache_max_bytes,
            session_timeout_ms=self.session_timeout_ms,
            store_settings=StoreSettings(backend=said.store_backend),
            stop_at_end=self.stop_at_end,
        )


def _writable(path: Path | None) -> Path | None:
    """Refuses at once what could not be written after hours of work."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}")
    return path


def default_state_dir() -> Path:
    """The state folder when nobody names one: `STREAMKIT_STATE_DIR`, else one in the user's home."""
    named = os.environ.get("STREAMKIT_STATE_DIR")
    if named:
        return Path(named)
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share) / "streamkit" / "state"


@contextlib.contextmanager
def _broker(bootstrap: str | None) -> Iterator[str]:
    """The given address, or that of the bundled broker, which is kept busy meanwhile."""
    if bootstrap is not None:
        yield bootstrap
        return
    with local_broker() as address:
        yield address


@contextlib.contextmanager
def _metrics(
    address: str | None, console: Console, reports: Callable[[], Mapping[int, Mapping[str, Any]]]
) -> Iterator[None]:
    """Serve what the workers report while the block runs, if an address is given."""
    if address is None:
        yield
        return
    try:
        from streamkit.runtime.worker_metrics import serve_metrics
    except ImportError as error:
        raise ConfigError(
            "--metrics needs prometheus-client: pip install streamkit[metrics]"
        ) from error
    url, end = serve_metrics(*parse_listener(address), reports)
    console.print(f"metrics on {url}", soft_wrap=True)
    try:
        yield
    finally:
        end()


# -- one worker ------------------------------------------------------------------------------------


def _run_worker(app: App, options: _Options, address: str) -> None:
    settings = options.settings(app, address)
    running = Worker(app.topology(), settings)
    console = Console(stderr=True)
    report = _reporter(running.stop)
    shown = _Shown(console, quiet=options.quiet)
    if not options.quiet:
        console.print(
            f"worker {os.getpid()} of [bold]{settings.application_id}[/] on {address}; "
            f"state in {settings.state_dir}",
            soft_wrap=True,
        )
    try:
        with (
            _metrics(options.metrics, console, lambda: {0: running.status.as_dict()}),
            _stopped_by_signals(running.stop),
        ):
            running.start()
            while not running.join(_REPORT_SECONDS):
                report(running.status)
                shown.show(running.status.as_dict())
    except StreamkitError as error:
        if STATUS_FD not in os.environ:
            raise
        # The supervisor says it, once for all workers, or starts this one again after a pause.
        report(running.status, str(error))
        sys.exit(TEMPORARY_FAILURE if error.retriable else 1)
    finally:
        shown.close()
    report(running.status)
    _finish(running.status.as_dict(), options, console)


def _reporter(stop: Callable[[], None]) -> Any:
    """Writes the status to the supervisor's pipe, where there is one.

    Without a reader, the supervisor was killed: nobody would ever end this worker or start it again, and who
    starts the application anew would have it beside the new ones. So it ends, with a commit.
    """
    pipe = os.environ.get(STATUS_FD)
    if pipe is None:
        return lambda _status, _error="": None
    file = int(pipe)

    def report(status: WorkerStatus, error: str = "") -> None:
        said = {**status.as_dict(), **({"error": error} if error else {})}
        try:
            os.write(file, json.dumps(said).encode() + b"\n")
        except OSError as failure:
            log.warning("the supervisor is gone (%s): this worker stops", failure.strerror)
            stop()

    return report


@contextlib.contextmanager
def _stopped_by_signals(stop: Any) -> Iterator[None]:
    """SIGTERM and the first SIGINT call `stop`; the second SIGINT ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# -- several workers -------------------------------------------------------------------------------


def _supervise(
    app: str, name: str, workers: int, options: _Options, address: str, *, verbose: bool
) -> int:
    console = Console(stderr=True)
    shown = _Shown(console, quiet=options.quiet)

    def command(number: int) -> Sequence[str]:  # noqa: ARG001  # all are alike
        flags = ["--verbose"] if verbose else []
        return [
            *(sys.executable, "-m", "streamkit", *flags, "worker", app),
            *options.arguments(address),
        ]

    supervisor = Supervisor(command, workers, on_status=shown.show)
    if not options.quiet:
        console.print(f"{workers} workers of [bold]{name}[/] on {address}", soft_wrap=True)
    try:
        with (
            _metrics(options.metrics, console, supervisor.reports),
            _stopped_by_signals(supervisor.stop),
        ):
            code = supervisor.run()
    finally:
        shown.close()
    if supervisor.error:
        click.echo(f"streamkit: {supervisor.error}", err=True)
        return code
    _finish(dict(supervisor.summary()), options, console)
    return code


# -- what people see -------------------------------------------------------------------------------


class _Shown:
    """Progress: a bar while state is restored, a line now and then while records flow."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._bar: Progress | None = None
        self._line_at = time.monotonic() + 2.0
        self._last = (time.monotonic(), 0)

    def show(self, status: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        total = status.get("restore_total", 0)
        if total and status.get("restore_done", 0) < total:
            self._restoring(status.get("restore_done", 0), total)
            return
        self.close()
        now = time.monotonic()
        if now >= self._line_at:
            before, processed_before = self._last
            processed = status.get("processed", 0)
            rate = (processed - processed_before) / max(now - before, 0.001)
            self._console.print(
                f"{status['state']}: {processed:,} records, {rate:,.0f} a second, "
                f"{len(status['tasks'])} tasks, {status.get('dropped', 0):,} dropped",
                soft_wrap=True,
            )
            self._last = now, processed
            self._line_at = now + _PROGRESS_SECONDS

    def _restoring(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = Progress(
                TextColumn("restoring state"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("restore", total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _finish(status: Mapping[str, Any], options: _Options, console: Console) -> None:
    """The summary at the end."""
    if options.metrics_json is not None:
        options.metrics_json.write_text(json.dumps(status, indent=1) + "\n", encoding="utf-8")
    if options.quiet:
        return
    console.print(
        f"done: {status.get('processed', 0):,} records processed, {status.get('sent', 0):,} written, "
        f"{status.get('dropped', 0):,} dropped, {status.get('commits', 0):,} commits",
        soft_wrap=True,
    )
    dropped: dict[tuple[str, str], int] = {}
    for node, why, count in status.get("dropped_by", []):
        dropped[node, why] = dropped.get((node, why), 0) + count
    for (node, why), count in sorted(dropped.items()):
        console.print(f"  dropped by {node}: {count:,} ({why})", soft_wrap=True)
