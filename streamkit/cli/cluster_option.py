"""The `--bootstrap` option that commands share, and what stands in for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from streamkit.log.broker.local import local_broker

__all__ = ["API_TIMEOUT_MS", "bootstrap_option", "cluster_address"]

F = TypeVar("F", bound=Callable[..., Any])

API_TIMEOUT_MS = 15_000
"""How long a command waits for a cluster: someone sits in front of it."""


def bootstrap_option(function: F) -> F:
    """Add `--bootstrap`; None stands for the bundled broker."""
    return click.option(
        "--bootstrap",
        metavar="HOST:PORT",
        envvar="STREAMKIT_BOOTSTRAP",
        help="The cluster.  [default: $STREAMKIT_BOOTSTRAP, or the bundled broker]",
    )(function)


@contextlib.contextmanager
def cluster_address(bootstrap: str | None) -> Iterator[str]:
    """The address to talk to: the one given, or the bundled broker's, which is started if need be."""
    if bootstrap is not None:
        yield bootstrap
        return
    with local_broker() as address:
        yield address
