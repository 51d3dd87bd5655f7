"""Lists the runs of a folder, or shows them in the browser while they train.

foreworld runs
foreworld runs runs/actor_critic --json
foreworld runs --page
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

DEEP = 4  # folders below the one asked for
AWAKE_S = 60.0  # a run that wrote within so many seconds is taken to be training
PICTURES = (".png", ".gif")


@dataclass(frozen=True)
class Args:
    folder: Positional[Path] = Path("runs")  # where to look, a few folders deep
    page: bool = False  # serve a page with curves, configs and reports, on this machine only
    port: int = 8650  # of the page


def run(args: Args) -> dict[str, Any]:
    """Print a table, the latest run first; returns the same as data. Raises ValueError for none."""
    from foreworld.cli.tables import print_table
    from foreworld.serving.dashboard import Shelf, serve

    if not args.folder.is_dir():
        raise ValueError(f"there is no folder {args.folder}; name one with runs in it")
    if args.page:
        serve(Shelf(args.folder, lambda: summaries(args.folder), details), args.port)
        return {}
    found = summaries(args.folder)
    if not found:
        raise ValueError(
            f"no run in {args.folder} (a folder with run.json); make one with: foreworld demo"
        )
    columns = ("run", "family", "world", "step", "budget", "return", "loss", "trust", "when")
    print_table(str(args.folder), columns, [_row(summary) for summary in found])
    return {"runs": found}


def summaries(folder: Path) -> list[dict[str, Any]]:
    """What every run under a folder is and how far it got, the latest first."""
    found = [summary(path, folder) for path in sorted(run_folders(folder))]
    return sorted(found, key=lambda each: -each["when"])


def run_folders(folder: Path) -> Iterator[Path]:
    """Folders with a run.json; what lies inside a run is not looked at."""
    for here, inside, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        if "run.json" in files:
            yield Path(here)
        if "run.json" in files or depth >= DEEP:
            inside.clear()
        inside[:] = [name for name in inside if not name.startswith(".")]


def summary(path: Path, folder: Path) -> dict[str, Any]:
    """One run, in a line."""
    from foreworld.cli.staging import trust_of
    from foreworld.run import read_document

    document = read_document(path)
    last = (_records(path) or [{}])[-1]
    training = document["training"]
    when = last.get("time") or (path / "run.json").stat().st_mtime
    return {
        "run": str(path.relative_to(folder)) if path != folder else path.resolve().name,
        "path": str(path),
        "family": document["family"],
        "world": (document["world"] or {}).get("env"),
        "learner": training.get("learner"),
        "step": last.get("step"),
        "budget": _budget(training),
        "return": last.get("world/return"),
        "loss": last.get("loss"),
        "trust": {use: verdict["horizon"] for use, verdict in (trust_of(path) or {}).items()},
        "when": when,
        "training": time.time() - when < AWAKE_S,
        "files": sorted(_files(path)),
    }


def details(path: Path) -> dict[str, Any]:
    """run.json and metrics.jsonl of one run, for its curves."""
    from foreworld.config import flatten
    from foreworld.run import read_document

    document = read_document(path)
    settings = {k: v for k, v in document.items() if k != "specs"}
    return {"config": flatten(settings), "records": _records(path)}


def _records(path: Path) -> list[dict[str, Any]]:
    file = path / "metrics.jsonl"
    return _read(file, file.stat().st_mtime_ns) if file.exists() else []


@functools.lru_cache(maxsize=256)  # the page asks every two seconds, and most runs are over
def _read(file: Path, changed_ns: int) -> list[dict[str, Any]]:
    from foreworld.log import read_jsonl

    return read_jsonl(file)


def _budget(training: dict[str, Any]) -> str | None:
    """Steps, seconds, or whichever comes first."""
    steps, seconds = training.get("steps"), training.get("budget_s")
    parts = [f"{steps:,} steps" if steps else "", f"{seconds:.0f} s" if seconds else ""]
    return ", ".join(part for part in parts if part) or None


def _files(path: Path) -> Iterator[str]:
    """Reports, films and pictures of a run."""
    for pattern in ("*", "*/*"):
        for file in path.glob(pattern):
            if file.suffix in (".html", *PICTURES):
                yield str(file.relative_to(path))


def _row(summary: dict[str, Any]) -> tuple[str, ...]:
    world = (summary["world"] or "").removeprefix("foreworld/")
    trusted = summary["trust"].get("play")
    return (
        summary["run"], summary["family"], world, _number(summary["step"]),
        summary["budget"] or "", _number(summary["return"]), _number(summary["loss"]),
        _number(trusted), "now" if summary["training"] else _ago(time.time() - summary["when"]),
    )  # fmt: skip


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"
