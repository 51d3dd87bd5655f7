"""Statistics of a LeRobot dataset: checked when it is read, measured when it is written.

pictures [C, 1, 1] in 0 … 1; numbers one a component: min, max, mean, std, count and quantiles.
Means and deviations of several episodes are pooled exactly; their quantiles are averaged by length,
which is what LeRobot's own writer does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, read_bytes, read_json
from foreworld.data.lerobot_layout import PICTURES, WORDS, Column
from foreworld.data.recording import Broken

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
PLACES = ("min", "max", "mean", "std", *QUANTILES)
FORGET = "delete the file: statistics are measured anew here"
Statistics = dict[str, dict[str, np.ndarray]]


def check_statistics(root: Path, version: int, columns: Mapping[str, Column]) -> None:
    """Raises Broken for statistics that are not those of this dataset; none at all is no fault."""
    whole, single = root / "meta/stats.json", root / "meta/episodes_stats.jsonl"
    if whole.is_file():
        _check(whole, "", read_json(whole), columns)
    if version == 2 and single.is_file():
        for line in read_bytes(single).splitlines():
            try:
                row = json.loads(line)
                name = f"episode {row['episode_index']}: "
                stats = row["stats"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise Broken(single, "stats", f"is damaged: {error!r}", FORGET) from None
            _check(single, name, stats, columns)


def _check(file: Path, prefix: str, said: Any, columns: Mapping[str, Column]) -> None:
    if not isinstance(said, dict):
        raise Broken(file, "the file", "is no object", COPY)
    for name, column in columns.items():
        if name in said and column.dtype not in WORDS:
            _check_one(file, f"{prefix}{name}", said[name], column)


def _check_one(file: Path, what: str, said: Any, column: Column) -> None:
    wide = {column.shape[2]} if column.dtype in PICTURES else {int(np.prod(column.shape))}
    # LeRobot flattens all but the last dimension of grids; of depth it keeps one channel.
    wide |= {1} if column.is_depth else {column.shape[-1]}
    values = {}
    for place in PLACES:
        if not isinstance(said, dict) or (place in QUANTILES and place not in said):
            continue
        try:
            values[place] = np.array(said[place], np.float64, ndmin=1).reshape(-1)
        except (KeyError, ValueError, TypeError):
            raise Broken(file, f"{what}.{place}", "is missing or no numbers", FORGET) from None
        if values[place].size not in wide:
            wrong = f"{values[place].size} numbers, info.json says {max(wide)}"
            raise Broken(file, f"{what}.{place}", wrong, FORGET)
        if not np.isfinite(values[place]).all():
            raise Broken(file, f"{what}.{place}", "is not finite", FORGET)
    if not values or (values["min"] > values["max"]).any() or (values["std"] < 0).any():
        wrong = "holds none, or min above max, or std below 0"
        raise Broken(file, what, wrong, FORGET)


def of_numbers(values: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics of rows [T, ...], component by component; of single numbers [1]."""
    rows = values.astype(np.float64).reshape(len(values), *(values.shape[1:] or (1,)))
    told = {name: np.quantile(rows, share, axis=0) for name, share in QUANTILES.items()}
    return {
        "min": rows.min(0),
        "max": rows.max(0),
        "mean": rows.mean(0),
        "std": rows.std(0),
        "count": np.array([len(rows)]),
        **told,
    }


def of_pictures(counts: np.ndarray, frames: int) -> dict[str, np.ndarray]:
    """Statistics [C, 1, 1] of bytes, from how often each value occurs [C, 256] in some frames."""
    levels = np.arange(256) / 255.0
    share = counts / counts.sum(1, keepdims=True)
    mean = share @ levels
    spread = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0))
    below = np.cumsum(share, 1)
    there = counts > 0
    told = {
        "min": levels[there.argmax(1)],
        "max": levels[255 - there[:, ::-1].argmax(1)],
        "mean": mean,
        "std": spread,
        **{n: levels[(below >= q - 1e-12).argmax(1)] for n, q in QUANTILES.items()},
    }
    return {k: v[:, None, None] for k, v in told.items()} | {"count": np.array([frames])}


def histogram(frames: np.ndarray) -> np.ndarray:
    """How often each byte occurs in each channel of frames [n, H, W, C]: [C, 256]."""
    channels = frames.shape[-1]
    return np.stack([np.bincount(frames[..., c].ravel(), minlength=256) for c in range(channels)])


def pooled(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The statistics of several episodes together."""
    counts = np.array([int(part["count"][0]) for part in parts], np.float64)
    share = counts / counts.sum()

    def average(values: list[np.ndarray]) -> np.ndarray:
        return np.tensordot(share, np.stack(values), 1)

    mean = average([part["mean"] for part in parts])
    spread = average([part["std"] ** 2 + (part["mean"] - mean) ** 2 for part in parts])
    return {
        "min": np.min([part["min"] for part in parts], axis=0),
        "max": np.max([part["max"] for part in parts], axis=0),
        "mean": mean,
        "std": np.sqrt(spread),
        "count": np.array([int(counts.sum())]),
        **{name: average([part[name] for part in parts]) for name in QUANTILES},
    }
