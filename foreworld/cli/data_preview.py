"""`foreworld data preview`: a page with pictures, signals, numbers and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional


@dataclass(frozen=True)
class Preview:
    dataset: Positional[Path]  # a store; or any dataset, of which these episodes are read
    mapping: Path | None = None  # of a dataset; default: guessed, see `inspect`
    out: Path = Path("preview.html")  # the page
    episodes: int = 4  # how many are shown, from all over the dataset

    def run(self) -> dict[str, Any]:
        """Write the page, and print where it is."""
        from foreworld.cli.data_page import write_preview
        from foreworld.cli.datasets import store_of

        if self.episodes < 1:
            raise ValueError(f"--episodes {self.episodes}: at least 1")
        with store_of(self.dataset, self.mapping, self.episodes) as (store, report):
            write_preview(self.out, str(self.dataset), store, report, self.episodes)
            shown = min(self.episodes, len(store))
        print(f"open {self.out}: {shown} episodes of {self.dataset}")
        return {"page": str(self.out), "episodes": shown}
