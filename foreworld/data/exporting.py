"""A store of episodes becomes a dataset in a format that others read, whole or not at all.

export_store(store, "out/pusht", "lerobot", fps=10)

Beside the dataset lies `foreworld.json`: the mapping that brings every key back as it was.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foreworld.data.formats import WRITERS, resolve
from foreworld.data.mapping import Mapping, Rule, to_json
from foreworld.data.stored import same
from foreworld.data.usual import KEPT
from foreworld.disk import whole_folder, write_json
from foreworld.episodes import EpisodeStore
from foreworld.errors import unknown
from foreworld.log import progress
from foreworld.vocab import Episode, Specs


class Writer(Protocol):
    """Writes one dataset; built as `Writer(folder, specs, fps, **settings)`.

    `columns`: by key of ours, "reward" and "is_terminal" included, what the format's own source
    calls it; a key that is absent was not written. Empty: nobody reads this format back.
    """

    columns: MappingOf[str, str]

    def add(self, episode: Episode, task: str | None) -> None:
        """One episode, with its instruction where it has one."""
        ...

    def finish(self) -> None:
        """Close what is open, and write what is known only at the end."""
        ...


def export_store(
    store: EpisodeStore,
    path: str | Path,
    format: str,
    fps: float,
    settings: MappingOf[str, Any] | None = None,
) -> None:
    """Write all episodes of `store` to a new folder.

    Raises ValueError for a format that is not written, and for what a format cannot hold.
    """
    if format not in WRITERS:
        raise unknown("format to write", format, WRITERS)
    make = resolve(WRITERS[format])
    with whole_folder(path) as folder:
        writer: Writer = make(folder, store.specs, fps, **(settings or {}))
        with progress("exporting", len(store)) as advance:
            for episode in store:
                writer.add(episode, _task(episode, store.specs))
                advance()
        writer.finish()
        if writer.columns:
            write_json(folder / KEPT, {"mapping": to_json(way_back(store.specs, writer.columns))})


def way_back(specs: Specs, columns: MappingOf[str, str]) -> Mapping:
    """The mapping that makes episodes of `specs` from the columns they were written as."""
    keys = {
        key: same(columns[key], spec)
        for key, spec in specs.items()
        if key in columns and spec.width > 0
    }
    for key in ("reward", "is_terminal"):
        if key in columns:
            way = "sum" if key == "reward" else "any"
            keys[key] = replace(Rule((columns[key],), shape=()), resample=way)
    return Mapping(keys, shortest=1)


def _task(episode: Episode, specs: Specs) -> str | None:
    """What an episode's text says in its first row."""
    texts = [key for key, spec in specs.items() if spec.kind == "text"]
    if not texts:
        return None
    key = "instruction" if "instruction" in texts else texts[0]
    return np.asarray(episode[key][0]).tobytes().rstrip(b"\0").decode()
