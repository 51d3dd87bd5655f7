"""`foreworld data export`: a store as a dataset that others read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional


@dataclass(frozen=True)
class Export:
    store: Positional[Path]  # of episodes
    to: str  # format: lerobot, minari, hdf5, zarr, mcap, rerun
    out: Path  # the folder to make; it must not be there yet
    fps: float | None = None  # rows a second; default: what the import noted
    set: tuple[str, ...] = ()  # of the format's writer, key=value

    def run(self) -> dict[str, Any]:
        """Export, and print what was written."""
        from foreworld.cli.tables import print_facts
        from foreworld.cli.world import read_keywords
        from foreworld.data.exporting import export_store
        from foreworld.data.stored import noted_fps
        from foreworld.episodes import EpisodeStore

        fps = self.fps or noted_fps(self.store)
        if fps is None:
            raise ValueError(f"nobody noted how fast the steps of {self.store} are: say --fps 10")
        with EpisodeStore.open(self.store) as store:
            export_store(store, self.out, self.to, fps, read_keywords(self.set))
            facts: dict[str, Any] = {"format": self.to, "episodes": len(store), "fps": fps}
            facts["rows"] = store.num_steps
        facts["size_mb"] = sum(f.stat().st_size for f in self.out.rglob("*") if f.is_file()) / 1e6
        print_facts(str(self.out), facts)
        return {"out": str(self.out), **facts}
