"""Language columns of LeRobot: what is said to, by and about the robot, frame by frame.

language_persistent   every row of an episode repeats all of it; each remark has a time stamp
language_events       each remark lies in the row in which it was made

language.subtask      what was told last: the newest remark of that style that is not later
language.interjection what was said in this very row, "" otherwise

The columns themselves are told as JSON, with all (roles, cameras, tool calls) that they hold.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from foreworld.data.columns import Lazy
from foreworld.data.lerobot_layout import Entry
from foreworld.data.parquet import Shard
from foreworld.data.recording import Broken, Feature

LANGUAGE = {
    "language_persistent": ("subtask", "plan", "memory", "motion"),
    "language_events": ("interjection",),
}
SLACK = 1e-4  # seconds: stamps of remarks are float32


def language_features(name: str) -> dict[str, Feature]:
    """The columns that a language column is told as."""
    told = [name, *(f"language.{style}" for style in LANGUAGE.get(name, ()))]
    return {key: Feature((), "str", "text") for key in told}


def language_columns(name: str, shard: Shard, entry: Entry, stamps: np.ndarray) -> dict[str, Lazy]:
    """Those columns of one episode."""
    columns = {name: Lazy(stamps, partial(_whole, name, shard, entry))}
    for style in LANGUAGE.get(name, ()):
        lasting = name == "language_persistent"
        said = partial(_said, name, shard, entry, style, stamps if lasting else None)
        columns[f"language.{style}"] = Lazy(stamps, said)
    return columns


def _whole(name: str, shard: Shard, entry: Entry, rows: np.ndarray) -> np.ndarray:
    texts = np.empty(len(rows), object)
    texts[:] = [json.dumps(remarks) for remarks in _remarks(name, shard, entry, rows)]
    return texts


def _said(
    name: str,
    shard: Shard,
    entry: Entry,
    style: str,
    stamps: np.ndarray | None,
    rows: np.ndarray,
) -> np.ndarray:
    """What one style says in each row; stamps: of the rows, where a remark lasts until the next."""
    texts = np.empty(len(rows), object)
    for n, remarks in enumerate(_remarks(name, shard, entry, rows)):
        fitting = [remark for remark in remarks if remark.get("style") == style]
        if stamps is not None:
            now = stamps[rows[n]] + SLACK
            fitting = [r for r in fitting if float(r.get("timestamp") or 0.0) <= now]
            fitting.sort(key=lambda remark: float(remark.get("timestamp") or 0.0))
        texts[n] = (fitting[-1].get("content") or "") if fitting else ""
    return texts


def _remarks(name: str, shard: Shard, entry: Entry, rows: np.ndarray) -> list[list[dict[str, Any]]]:
    found = shard.objects(name, entry.row, entry.length, rows)
    for said in found:
        if said is not None and not isinstance(said, list):
            wrong = f"holds {type(said).__name__}, not a list of remarks"
            raise Broken(shard.path, f"column {name!r}", wrong, "write it as LeRobot does")
    return [said or [] for said in found]
