"""How long `KTable.suppress` holds changes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from streamkit.dsl.windows.durations import idle_to_ms, to_ms
from streamkit.errors import ConfigError

__all__ = ["UntilTimeLimit", "UntilWindowCloses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UntilWindowCloses:
    """Only the final result of each window goes out, once its grace is over.

    Windows with an `idle` time close, and go out, on the wall clock while no data comes.

    Args:
        max_records, max_bytes: bounds of the buffer; beyond them the app stops, as a result that isn't
            final must not go out. None: unbounded.

    Raises:
        ConfigError: a bound below 0.

    Example:
        >>> builder = StreamsBuilder()
        >>> orders = builder.stream("orders", key=str, value=int)
        >>> counts = orders.group_by_key().windowed_by(TumblingWindows(10)).count(store="counts")
        >>> counts.suppress(UntilWindowCloses(max_records=1000), name="final").to_stream().to("final")
        >>> trace(builder, ("orders", "ann", 1, 1), ("orders", "ann", 2, 5),
        ...       ("orders", "ann", 3, 12))
        orders ann=1 @1      -> -
        orders ann=2 @5      -> -
        orders ann=3 @12     -> ann[0,10]=2 @5

    Source: Suppressed.untilWindowCloses.
    """

    max_records: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        _check_bounds(self.max_records, self.max_bytes)


@dataclass(frozen=True, slots=True, init=False)
class UntilTimeLimit:
    """The latest change of a key goes out once stream time is `limit` beyond its first one.

    Args:
        limit: a timedelta or milliseconds, 0 or more.
        max_records, max_bytes: bounds of the buffer; None: unbounded.
        when_full: "emit": beyond a bound the oldest go out early; "stop": the app stops.
        idle: once no change has come for this long, stream time goes on by the wall clock, so that what
            waits goes out without data too; None: never.

    Raises:
        ConfigError: a limit or bound below 0, or another `when_full`.

    Example:
        >>> builder = StreamsBuilder()
        >>> stock = builder.table("stock", key=str, value=int)
        >>> calm = stock.suppress(UntilTimeLimit(timedelta(milliseconds=10)), name="calm")
        >>> calm.to_stream().to("changes")
        >>> trace(builder, ("stock", "tea", 9, 1), ("stock", "tea", 8, 5),
        ...       ("stock", "ale", 7, 11))
        stock tea=9 @1       -> -
        stock tea=8 @5       -> -
        stock ale=7 @11      -> tea=8 @5

    Source: Suppressed.untilTimeLimit.
    """

    limit_ms: int
    max_records: int | None
    max_bytes: int | None
    when_full: str
    idle_ms: int

    def __init__(
        self,
        limit: timedelta | int,
        *,
        max_records: int | None = None,
        max_bytes: int | None = None,
        when_full: str = "emit",
        idle: timedelta | int | None = None,
    ) -> None:
        _check_bounds(max_records, max_bytes)
        if when_full not in ("emit", "stop"):
            raise ConfigError(f"when_full is 'emit' or 'stop', not {when_full!r}")
        object.__setattr__(self, "limit_ms", to_ms(limit, "limit"))
        object.__setattr__(self, "max_records", max_records)
        object.__setattr__(self, "max_bytes", max_bytes)
        object.__setattr__(self, "when_full", when_full)
        object.__setattr__(self, "idle_ms", idle_to_ms(idle))


def _check_bounds(max_records: int | None, max_bytes: int | None) -> None:
    for name, bound in (("max_records", max_records), ("max_bytes", max_bytes)):
        if bound is not None and bound < 0:
            raise ConfigError(f"{name} is 0 or more, or None, not {bound}")
