"""Episodes that are made one by one, each when it is asked for.

held_out = Each(store.__getitem__, store.split()[1].tolist())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from foreworld.vocab import Episode


class Each(Sequence[Episode]):
    """`read` of each of `places`; a slice reads nothing yet."""

    def __init__(self, read: Callable[[Any], Episode], places: Sequence[Any]) -> None:
        self.read, self.places = read, places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Episode: ...
    @overload
    def __getitem__(self, place: slice) -> Each: ...
    def __getitem__(self, place: int | slice) -> Episode | Each:
        if isinstance(place, slice):
            return Each(self.read, self.places[place])
        return self.read(self.places[place])
