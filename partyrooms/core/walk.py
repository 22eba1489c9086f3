"""What a room's list is walked through with: an iterator that has a length."""

from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Walk(Iterator[Item], Generic[Item]):
    """Goes once through what there is now; its ``len`` is how many are left."""

    __slots__ = ("_rest",)

    def __init__(self, found: Iterable[Item]) -> None:
        self._rest = iter(tuple(found))

    def __iter__(self) -> Iterator[Item]:
        return self._rest

    def __next__(self) -> Item:
        return next(self._rest)

    def __len__(self) -> int:
        return length_hint(self._rest)
