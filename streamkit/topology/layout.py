"""Where the boxes of a drawing go: layers from top to bottom, few crossings, edges nearly straight.

The classic steps: layers by longest path, dummies where an edge passes a layer, order within a layer by the mean
of the neighbours, places as near to the neighbours as widths allow. The same graph always gets the same places.

Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Layout", "Point", "Size", "lay_out", "spread_out"]

Size = tuple[float, float]
Point = tuple[float, float]

_SWEEPS = 12
_DUMMY_WIDTH = 12.0


@dataclass(slots=True)
class Layout:
    """Places of a graph's boxes.

    Attributes:
        centers: of each box.
        routes: the points that each edge passes, from the center of one box to that of the other.
        width, height: of the whole.
    """

    centers: dict[str, Point] = field(default_factory=dict)
    routes: dict[tuple[str, str], list[Point]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def lay_out(
    sizes: Mapping[str, Size],
    edges: Iterable[tuple[str, str]],
    *,
    gap: float = 24.0,
    layer_gap: float = 36.0,
) -> Layout:
    """Places for boxes of these sizes; edges lead down and must not form a cycle.

    Args:
        gap: least space between boxes of a layer.
        layer_gap: space between layers.
    """
    layout = Layout()
    if not sizes:
        return layout
    pairs = list(dict.fromkeys(edges))
    rank = _ranks(list(sizes), pairs)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in sizes:
        layers[rank[name]].append(name)
    widths = {name: size[0] for name, size in sizes.items()}
    chains = {pair: _chain(pair, rank, layers, widths) for pair in pairs}
    up: dict[str, list[str]] = {name: [] for name in widths}
    down: dict[str, list[str]] = {name: [] for name in widths}
    for chain in chains.values():
        for upper, lower in pairwise(chain):
            down[upper].append(lower)
            up[lower].append(upper)
    _order(layers, up, down)
    x = _places(layers, widths, up, down, gap)

    top = 0.0
    y: dict[str, float] = {}
    for layer in layers:
        height = max((sizes[name][1] for name in layer if name in sizes), default=0.0)
        y.update((name, top + height / 2) for name in layer)
        top += height + layer_gap
    left = min(x[name] - widths[name] / 2 for name in x)
    layout.centers = {name: (x[name] - left, y[name]) for name in sizes}
    layout.routes = {
        pair: [(x[name] - left, y[name]) for name in chain] for pair, chain in chains.items()
    }
    layout.width = max(x[name] + widths[name] / 2 for name in x) - left
    layout.height = top - layer_gap
    return layout


def _ranks(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Each name's layer: one below the lowest of those above it."""
    rank = dict.fromkeys(names, 0)
    waiting = dict.fromkeys(names, 0)
    for _, lower in edges:
        waiting[lower] += 1
    ready = [name for name in names if waiting[name] == 0]
    for name in ready:  # grows while it is read
        for upper, lower in edges:
            if upper == name:
                rank[lower] = max(rank[lower], rank[name] + 1)
                waiting[lower] -= 1
                if waiting[lower] == 0:
                    ready.append(lower)
    return rank


def _chain(
    pair: tuple[str, str],
    rank: Mapping[str, int],
    layers: Sequence[list[str]],
    widths: dict[str, float],
) -> list[str]:
    """The ends of an edge, and dummies in the layers between, which are added."""
    upper, lower = pair
    chain = [upper]
    for number in range(rank[upper] + 1, rank[lower]):
        dummy = f"\0{upper}\0{lower}\0{number}"  # no name holds a null character
        layers[number].append(dummy)
        widths[dummy] = _DUMMY_WIDTH
        chain.append(dummy)
    return [*chain, lower]


def _order(
    layers: Sequence[list[str]],
    up: Mapping[str, Sequence[str]],
    down: Mapping[str, Sequence[str]],
) -> None:
    """Sort each layer by the mean position of the neighbours, down and up again, and keep the best."""
    best = [list(layer) for layer in layers]
    least = _crossings(layers, down)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        around = up if downwards else down
        for number in range(1, len(layers)) if downwards else range(len(layers) - 2, -1, -1):
            beside = layers[number - 1 if downwards else number + 1]
            position = {name: place for place, name in enumerate(beside)}
            layer = layers[number]
            own = {name: float(place) for place, name in enumerate(layer)}
            layer.sort(key=lambda name: _mean(around[name], position, own[name]))
        crossings = _crossings(layers, down)
        if crossings < least:
            least, best = crossings, [list(layer) for layer in layers]
    for layer, found in zip(layers, best, strict=True):
        layer[:] = found


def _mean(names: Sequence[str], position: Mapping[str, float], otherwise: float) -> float:
    return sum(position[name] for name in names) / len(names) if names else otherwise


def _crossings(layers: Sequence[Sequence[str]], down: Mapping[str, Sequence[str]]) -> int:
    count = 0
    for upper, lower in pairwise(layers):
        position = {name: place for place, name in enumerate(lower)}
        ends = [sorted(position[name] for name in down[upper_name]) for upper_name in upper]
        for number, one in enumerate(ends):
            for other in ends[number + 1 :]:
                count += sum(left > right for left in one for right in other)
    return count


def _places(
    layers: Sequence[Sequence[str]],
    widths: Mapping[str, float],
    up: Mapping[str, Sequence[str]],
    down: Mapping[str, Sequence[str]],
    gap: float,
) -> dict[str, float]:
    x: dict[str, float] = {}
    for layer in layers:
        right = 0.0
        for name in layer:
            x[name] = right + widths[name] / 2
            right += widths[name] + gap
    for sweep in range(_SWEEPS):
        order = layers if sweep % 2 == 0 else list(reversed(layers))
        for layer in order:
            wanted = [_mean([*up[name], *down[name]], x, x[name]) for name in layer]
            spread = spread_out(wanted, [widths[name] for name in layer], gap)
            x.update(zip(layer, spread, strict=True))
    return x


def spread_out(wanted: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """The centers nearest to the wanted ones (least squares) that keep the order and the gaps."""
    offsets = [0.0] if widths else []
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    # Without the offsets the places only have to rise: neighbours that fall share their mean.
    blocks: list[tuple[float, int]] = []
    for place, shift in zip(wanted, offsets, strict=True):
        mean, count = place - shift, 1
        while blocks and blocks[-1][0] > mean:
            before, members = blocks.pop()
            mean = (before * members + mean * count) / (members + count)
            count += members
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, offsets, strict=True)]
