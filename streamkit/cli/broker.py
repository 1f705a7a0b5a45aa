"""`streamkit broker`: run the bundled broker in the foreground."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamkit.errors import ConfigError
from streamkit.log.broker.configuration import collect_settings
from streamkit.log.broker.descriptors import raise_descriptor_limit
from streamkit.log.broker.local import default_data_dir, remove_address, write_address
from streamkit.log.broker.registry import apis
from streamkit.log.broker.server import BrokerServer, new_event_loop, serve
from streamkit.log.broker.setting import Setting
from streamkit.log.broker.settings import BROKER_SETTINGS, BrokerSettings, parse_listener

if TYPE_CHECKING:  # an extra, loaded when it is asked for
    from streamkit.log.broker.metrics_endpoint import MetricsEndpoint

__all__ = ["broker"]

logger = logging.getLogger(__name__)


class _WithSettings(click.Command):
    """Lists every setting below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section(
            "Settings (--config FILE < $STREAMKIT_BROKER_NAME < --set NAME=VALUE)"
        ):
            formatter.write_dl(
                [(name, _described(setting)) for name, setting in sorted(BROKER_SETTINGS.items())]
            )


@click.command(cls=_WithSettings)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.  [default: 127.0.0.1:9092]",
)
@click.option("--advertise", metavar="HOST:PORT", help="The address that clients are told to use.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the log lies.  [default: $STREAMKIT_DATA_DIR, or one in your home]",
)
@click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with settings: properties, or TOML if its name ends in .toml.",
)
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="One setting; may be repeated.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    help="Serve /metrics for Prometheus there (needs streamkit[metrics]).",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How log lines on standard error look; json: an object a line.",
)
@click.option("--idle-exit", type=click.IntRange(min=1), metavar="SECONDS", hidden=True)
def broker(
    *,
    listen: str | None,
    advertise: str | None,
    data_dir: Path | None,
    config: Path | None,
    assignments: tuple[str, ...],
    metrics: str | None,
    log_format: str,
    idle_exit: int | None,
) -> None:
    """Run a Kafka broker of one node until SIGTERM or Ctrl-C, which let it finish what it is at."""
    values = collect_settings(config, os.environ, assignments)
    if listen is not None:
        values["listeners"] = listen
    if advertise is not None:
        values["advertised.listeners"] = advertise
    if data_dir is not None or not values.get("log.dirs"):
        values["log.dirs"] = str(data_dir or default_data_dir())
    settings = BrokerSettings.from_properties(values)
    endpoint = None if metrics is None else _endpoint(*parse_listener(metrics))
    logging.getLogger("streamkit.log").setLevel(logging.INFO)
    if log_format == "json":
        # Loaded when it is asked for: each start would pay for it.
        from streamkit.log.broker.structured_log import JsonFormatter

        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonFormatter())
    raise_descriptor_limit()
    # Until it serves, all that is made stays.
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_run(settings, idle_exit, endpoint))
    finally:
        gc.enable()


def _endpoint(host: str, port: int) -> MetricsEndpoint:
    try:
        from streamkit.log.broker.metrics_endpoint import MetricsEndpoint
    except ImportError as error:
        raise ConfigError(
            "--metrics needs prometheus-client: pip install streamkit[metrics]"
        ) from error
    return MetricsEndpoint(host, port)


async def _run(
    settings: BrokerSettings, idle_exit: int | None, endpoint: MetricsEndpoint | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def ready(server: BrokerServer) -> None:
        if endpoint is not None:
            click.echo(f"metrics on {await endpoint.start(server)}")
        try:
            write_address(settings.data_dir, server.broker.cluster_id, server.address)
        except OSError as error:
            # The disk is full: what there is can be read all the same.
            logger.error("other commands won't find this broker by its data folder: %s", error)
        # What a start leaves behind stays for good: it isn't to be looked through for garbage again.
        apis()
        gc.freeze()
        gc.enable()
        click.echo(f"streamkit broker, data in {settings.data_dir}, listening on {server.address}")

    try:
        await serve(
            settings,
            ready=ready,
            stop=stop,
            stopping=lambda: remove_address(settings.data_dir),
            idle_exit_ms=None if idle_exit is None else idle_exit * 1000,
            metrics=None if endpoint is None else endpoint.requests,
        )
    finally:
        if endpoint is not None:
            await endpoint.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _described(setting: Setting) -> str:
    default = Setting.text(setting.default)
    shown = "not set" if default is None else default or "empty"
    return f"{setting.doc} {setting.type.name.lower()}, {setting.valid_range}; default {shown}."
