"""Items to groups of items that belong together: union-find.

Ties("abcd"), tie(a, b), tie(b, c)  ->  groups [[a, b, c], [d]]
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Ties(Generic[Item]):
    """Disjoint sets of items, merged two by two (path halving; Tarjan & van Leeuwen 1984)."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._parent: dict[Item, Item] = {item: item for item in items}

    def find(self, item: Item) -> Item:
        """The item that stands for the group of this one."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def tie(self, one: Item, other: Item) -> None:
        """Put two items, and all that is tied to them, into one group."""
        self._parent[self.find(other)] = self.find(one)

    def groups(self) -> list[list[Item]]:
        """All groups, items in the order given."""
        found: dict[Item, list[Item]] = {}
        for item in self._parent:
            found.setdefault(self.find(item), []).append(item)
        return list(found.values())
