"""The order in which Java's hash sets and tree sets iterate, for descriptions that equal Kafka Streams'.

Source: java.util.HashMap, java.util.TreeMap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

__all__ = ["TreeOrder", "hash_order"]


def hash_order(names: Iterable[str]) -> list[str]:
    """Distinct names in the iteration order of a java.util.HashSet grown by adding them."""
    distinct = list(dict.fromkeys(names))
    capacity = 16
    while len(distinct) > capacity * 3 // 4:
        capacity *= 2
    buckets: dict[int, list[str]] = {}
    for name in distinct:
        code = _hash_code(name)
        buckets.setdefault((code ^ (code >> 16)) & (capacity - 1), []).append(name)
    return [name for bucket in sorted(buckets) for name in buckets[bucket]]


def _hash_code(text: str) -> int:
    """java.lang.String.hashCode, as an unsigned number."""
    code = 0
    units = text.encode("utf-16-be")
    for high, low in zip(units[::2], units[1::2], strict=True):
        code = (31 * code + (high << 8 | low)) & 0xFFFFFFFF
    return code


class TreeOrder:
    """A red-black tree of names whose order may change between insertions.

    Kafka Streams sorts nodes by sizes that grow while the sets are filled. Where a name ends up then
    depends on the comparisons along its way down, so on the tree's shape: it is balanced here as in
    java.util.TreeMap.

    Args:
        before: whether one name comes before another, now.
    """

    def __init__(self, before: Callable[[str, str], bool]) -> None:
        self._before = before
        self._root: _Node | None = None

    def add(self, name: str) -> None:
        """Insert `name`; each name once."""
        parent: _Node | None = None
        node = self._root
        while node is not None:
            parent = node
            node = node.left if self._before(name, node.name) else node.right
        new = _Node(name, parent)
        if parent is None:
            self._root = new
        elif self._before(name, parent.name):
            parent.left = new
        else:
            parent.right = new
        self._balance(new)

    def __iter__(self) -> Iterator[str]:
        return self._below(self._root)

    def _below(self, node: _Node | None) -> Iterator[str]:
        if node is not None:
            yield from self._below(node.left)
            yield node.name
            yield from self._below(node.right)

    def _balance(self, node: _Node) -> None:
        while (parent := node.parent) is not None and parent.red:
            grand = parent.parent
            assert grand is not None  # a red node is never the root
            on_left = parent is grand.left
            uncle = grand.right if on_left else grand.left
            if uncle is not None and uncle.red:
                parent.red = uncle.red = False
                grand.red = True
                node = grand
                continue
            if node is (parent.right if on_left else parent.left):
                self._rotate(parent, to_left=on_left)
                node, parent = parent, node
            parent.red = False
            grand.red = True
            self._rotate(grand, to_left=not on_left)
        assert self._root is not None
        self._root.red = False

    def _rotate(self, node: _Node, *, to_left: bool) -> None:
        """Put the child on the other side in the place of `node`."""
        child = node.right if to_left else node.left
        assert child is not None
        if to_left:
            node.right, moved = child.left, child.left
            child.left = node
        else:
            node.left, moved = child.right, child.right
            child.right = node
        if moved is not None:
            moved.parent = node
        child.parent = node.parent
        if node.parent is None:
            self._root = child
        elif node.parent.left is node:
            node.parent.left = child
        else:
            node.parent.right = child
        node.parent = child


class _Node:
    __slots__ = ("left", "name", "parent", "red", "right")

    def __init__(self, name: str, parent: _Node | None) -> None:
        self.name = name
        self.parent = parent
        self.left: _Node | None = None
        self.right: _Node | None = None
        self.red = True
