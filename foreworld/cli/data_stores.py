"""`foreworld data merge`, `split` and `stats`: stores as wholes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

MOST = 50  # recordings of a foreign dataset that numbers are taken of


@dataclass(frozen=True)
class Merge:
    stores: Positional[tuple[Path, ...]]  # two or more, in the order of their episodes
    out: Path  # the store to make; it must not be there yet
    flag_missing: bool = False  # a key that some lack is zeros there, and `present.KEY` says so

    def run(self) -> dict[str, Any]:
        """Merge, and print what the new store holds."""
        from foreworld.cli.collect import summary
        from foreworld.cli.tables import print_facts
        from foreworld.data.merging import merge
        from foreworld.episodes import EpisodeStore

        if len(self.stores) < 2:
            raise ValueError("merge what? Name two stores or more")
        with ExitStack() as stack:
            opened = [stack.enter_context(EpisodeStore.open(path)) for path in self.stores]
            merge(opened, self.out, self.flag_missing)
        with EpisodeStore.open(self.out) as store:
            facts = summary(store)
        print_facts(str(self.out), facts)
        return facts


@dataclass(frozen=True)
class Split:
    store: Positional[Path]  # of episodes
    out: Path  # the folder to make, for `train` and `test`
    test: float = 0.1  # share of the episodes that are kept from training

    def run(self) -> dict[str, Any]:
        """Split, and print how many episodes went where."""
        from foreworld.cli.tables import print_facts
        from foreworld.data.merging import split
        from foreworld.episodes import EpisodeStore

        with EpisodeStore.open(self.store) as store:
            sides = split(store, self.out, self.test)
        print_facts(str(self.out), {name: f"{len(ids)} episodes" for name, ids in sides.items()})
        return {name: list(ids) for name, ids in sides.items()}


@dataclass(frozen=True)
class Stats:
    dataset: Positional[Path]  # a store; or any dataset, of which some recordings are read
    mapping: Path | None = None  # of a dataset; default: guessed, see `inspect`

    def run(self) -> dict[str, Any]:
        """Print every key in numbers; returns the same as data."""
        from foreworld.cli.data_numbers import numbers, print_numbers
        from foreworld.cli.datasets import store_of

        with store_of(self.dataset, self.mapping, MOST) as (store, _):
            found = numbers(store)
        print_numbers(str(self.dataset), found)
        return found
