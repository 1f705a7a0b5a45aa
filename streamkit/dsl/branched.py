"""A stream in branches.

Source: org.apache.kafka.streams.kstream.BranchedKStream.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from streamkit.dsl import circle
from streamkit.dsl.functions import check_function
from streamkit.dsl.stream_node import StreamNode
from streamkit.errors import TopologyError
from streamkit.operators.branch import StreamBranch
from streamkit.operators.pass_through import PassThrough
from streamkit.topology.graph_nodes import OperatorGraphNode

__all__ = ["BranchedKStream"]

K = TypeVar("K")
V = TypeVar("V")


class BranchedKStream(Generic[K, V]):
    """A stream being split: each record goes to the first branch whose predicate takes it.

    Example:
        >>> from streamkit.dsl.builder import StreamsBuilder
        >>> numbers = StreamsBuilder().stream("numbers", key=str, value=int)
        >>> branches = (
        ...     numbers.split(name="by-size-")
        ...     .branch(lambda _, value: value > 50, name="big")
        ...     .default_branch(name="small")
        ... )
        >>> list(branches)
        ['by-size-big', 'by-size-small']
    """

    def __init__(self, place: StreamNode, name: str | None) -> None:
        self._above = place
        self._name = place.graph.names.node("KSTREAM-BRANCH-", name)
        self._predicates: list[Callable[[K, V], object]] = []
        self._names: list[str] = []
        self._ended = False
        self._branches: dict[str, circle.KStream[K, V]] = {}
        make = partial(StreamBranch, self._predicates, self._names)
        self._place = place.then(OperatorGraphNode(self._name, lambda: make))

    def branch(
        self,
        predicate: Callable[[K, V], object],
        build: Callable[[circle.KStream[K, V]], object] | None = None,
        *,
        name: str | None = None,
    ) -> BranchedKStream[K, V]:
        """Add a branch for records that `predicate(key, value)` accepts and no branch before took.

        Args:
            build: called with the branch's stream at once; if it returns a stream, that one is found
                under the branch's name afterwards, else none is.
            name: what follows the name of the split; by default the branch's number, from 1.

        Raises:
            TopologyError: the split has ended.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> sizes = orders.split(name="orders-")
            >>> for least in (1000, 100):
            ...     _ = sizes.branch(lambda name, cents, least=least: cents >= least, name=str(least))
            >>> for branch, stream in sizes.no_default_branch().items():
            ...     stream.to(branch)
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 4000),
            ...       ("orders", "cid", 4))
            orders ann=250 @0    -> orders-100: ann=250 @0
            orders bob=4000 @1   -> orders-1000: bob=4000 @1
            orders cid=4 @2      -> -
        """
        check_function(predicate, "branch", "key", "value")
        self._add(build, str(len(self._predicates) + 1) if name is None else name)
        self._predicates.append(predicate)
        return self

    def default_branch(
        self,
        build: Callable[[circle.KStream[K, V]], object] | None = None,
        *,
        name: str | None = None,
    ) -> dict[str, circle.KStream[K, V]]:
        """Add the branch of all other records, and end the split.

        Args:
            build: as in `branch`.
            name: what follows the name of the split; by default 0.

        Returns:
            the branches' streams by name, in order.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> branches = orders.split(name="orders-").branch(
            ...     lambda name, cents: cents >= 100, lambda large: large.to("large")
            ... ).default_branch(lambda small: small.to("small"))
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> large: ann=250 @0
            orders bob=40 @1     -> small: bob=40 @1
        """
        self._add(build, "0" if name is None else name)
        self._ended = True
        return self._branches

    def no_default_branch(self) -> dict[str, circle.KStream[K, V]]:
        """End the split; records that no branch takes are dropped.

        Returns:
            the branches' streams by name, in order.

        Example:
            >>> builder = StreamsBuilder()
            >>> orders = builder.stream("orders", key=str, value=int)
            >>> branches = orders.split(name="orders-").branch(
            ...     lambda name, cents: cents >= 100, name="large"
            ... ).no_default_branch()
            >>> branches["orders-large"].to("large")
            >>> trace(builder, ("orders", "ann", 250), ("orders", "bob", 40))
            orders ann=250 @0    -> ann=250 @0
            orders bob=40 @1     -> -
        """
        self._ended = True
        return self._branches

    def _add(self, build: Callable[[circle.KStream[K, V]], object] | None, suffix: str) -> None:
        if self._ended:
            raise TopologyError(
                f"split {self._name!r} has ended: add branches before the default one"
            )
        name = self._name + suffix
        self._names.append(name)
        self._place.graph.names.node(name)
        stream: circle.KStream[K, V] = circle.KStream(
            self._place.then(OperatorGraphNode(name, lambda: PassThrough))
        )
        if build is None:
            self._branches[name] = stream
        else:
            result = build(stream)
            if isinstance(result, type(stream)):
                self._branches[name] = result
