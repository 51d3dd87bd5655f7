"""Datasets of any format, as verbs take them: mapped, and as a store where one is wanted.

with open_dataset(path, mapping_file) as dataset:
    dataset.specs                  # known before a frame is decoded
    dataset.fill("runs/mine/episodes")
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.config import override
from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.mapping import Mapping, load
from foreworld.data.plan import Plan, survey
from foreworld.data.recording import Source
from foreworld.data.report import Report
from foreworld.data.stored import noted
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from foreworld.vocab import Specs


@dataclass(frozen=True)
class Dataset:
    """An open dataset, held against its mapping."""

    source: Source
    plan: Plan

    @property
    def specs(self) -> Specs:
        return self.plan.specs

    def fill(self, path: Path) -> Report:
        """Import it to a new store at `path`."""
        return import_dataset(self.source, path, self.plan.mapping, plan=self.plan)


@contextmanager
def open_dataset(path: Path, mapping: Path | None) -> Iterator[Dataset]:
    """A dataset with the mapping of a file, or the usual one."""
    with closing(open_source(path)) as source:
        yield Dataset(source, survey(source, chosen(source, mapping)))


def chosen(source: Source, file: Path | None, assignments: Sequence[str] = ()) -> Mapping:
    """The mapping of a file, or the usual one, with key=value texts laid over it."""
    return override(load(file) if file else usual(source), assignments)


@contextmanager
def store_of(
    dataset: Path, mapping: Path | None, most: int
) -> Iterator[tuple[EpisodeStore, dict[str, Any] | None]]:
    """A store, or what some recordings of a dataset become, for as long as it is looked at.

    Beside it the report of its import, where there is one.
    """
    if recognise(dataset) == "foreworld":
        with EpisodeStore.open(dataset) as store:
            yield store, noted(dataset)
        return
    with tempfile.TemporaryDirectory() as folder, closing(open_source(dataset)) as source:
        some = np.linspace(0, len(source) - 1, min(most, len(source))).astype(int).tolist()
        plan = survey(source, chosen(source, mapping), some, "drop")
        path = Path(folder) / "store"
        report = import_dataset(source, path, plan.mapping, "drop", plan=plan)
        with EpisodeStore.open(path) as store:
            yield store, report.to_json()
