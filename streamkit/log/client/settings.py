"""Settings that all clients share, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from streamkit.errors import ConfigError

__all__ = ["ClientSettings", "parse_bootstrap", "require_choice", "require_range"]

_DEFAULT_PORT = 9092


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How a client talks to its cluster.

    Attributes:
        bootstrap: addresses to begin with; brokers are learnt from whoever answers first.
        client_id: as the broker's logs see it.
        request_timeout_ms: bound on the answer to one request.
        api_timeout_ms: bound on one call with all its retries.
        connect_timeout_ms: bound on opening one connection.
        retry_backoff_ms, retry_backoff_max_ms: pauses between tries of a request.
        reconnect_backoff_ms, reconnect_backoff_max_ms: pauses between connections to a broker.
        metadata_max_age_ms: the cluster is looked up again that often.
        random: jitter, and the choice of a broker or a partition.
    """

    bootstrap: tuple[tuple[str, int], ...]
    client_id: str
    request_timeout_ms: int = 30_000
    api_timeout_ms: int = 60_000
    connect_timeout_ms: int = 10_000
    retry_backoff_ms: int = 100
    retry_backoff_max_ms: int = 1_000
    reconnect_backoff_ms: int = 50
    reconnect_backoff_max_ms: int = 1_000
    metadata_max_age_ms: int = 300_000
    random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        require_range("request_timeout_ms", self.request_timeout_ms, 1)
        require_range("api_timeout_ms", self.api_timeout_ms, 1)
        require_range("retry_backoff_ms", self.retry_backoff_ms, 1)
        require_range("metadata_max_age_ms", self.metadata_max_age_ms, 1)


def parse_bootstrap(bootstrap: str) -> tuple[tuple[str, int], ...]:
    """`"a:9092, b, [::1]:9094"` as pairs of host and port; the port is 9092 unless given.

    Raises:
        ConfigError: nothing in it, or a port that is none.
    """
    addresses = []
    for part in bootstrap.split(","):
        text = part.strip()
        if not text:
            continue
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]"):
            host, port = text, str(_DEFAULT_PORT)
        if not port.isdecimal() or not 0 < int(port) < 65536 or not host:
            raise ConfigError(f"bootstrap address {text!r} is not host:port")
        addresses.append((host.strip("[]"), int(port)))
    if not addresses:
        raise ConfigError("bootstrap is empty: give at least one host:port")
    return tuple(addresses)


def require_range(name: str, value: int, low: int, high: int | None = None) -> None:
    """Check a setting.

    Raises:
        ConfigError: `value` is not in `[low, high]`.
    """
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigError(f"{name} is {value}: it has to be {limit}")


def require_choice(name: str, value: str, *choices: str) -> None:
    """Check a setting.

    Raises:
        ConfigError: `value` is not one of `choices`.
    """
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}: it has to be one of {', '.join(choices)}")
