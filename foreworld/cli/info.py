"""Says what a run, an episode store or a checkpoint holds.

foreworld info runs/demo
foreworld info runs/demo/episodes --json
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

MAX_STEPS = 20_000  # enough for statistics, and read in seconds


@dataclass(frozen=True)
class Args:
    path: Positional[Path]  # the directory of a run, an episode store or a checkpoint


def run(args: Args) -> dict[str, Any]:
    """Print what is there; returns the same as data. Raises ValueError for any other directory."""
    if not args.path.exists():
        raise ValueError(f"there is nothing at {args.path}")
    if (args.path / "run.json").is_file():
        return _run(args.path)
    manifest = args.path / "manifest.json"
    if not manifest.is_file():
        raise ValueError(
            f"{args.path} is no run (run.json), no episode store and no checkpoint (manifest.json)"
        )
    is_checkpoint = "files" in json.loads(manifest.read_text())
    return _checkpoint(args.path) if is_checkpoint else _store(args.path)


def _run(path: Path) -> dict[str, Any]:
    from foreworld.checkpoint import checkpoints, read_manifest
    from foreworld.cli.tables import print_facts, print_specs
    from foreworld.config import flatten
    from foreworld.log import read_jsonl
    from foreworld.run import read_document
    from foreworld.vocab import Spec

    document = read_document(path)
    saved = checkpoints(path / "checkpoints")
    metrics = path / "metrics.jsonl"
    records = read_jsonl(metrics) if metrics.is_file() else []
    facts = {
        "family": document["family"],
        "step": read_manifest(saved[-1])["step"] if saved else None,
        "checkpoints": len(saved),
        **_model(document),
        "size_mb": _size_mb(path),
    }
    print_facts(str(path), facts)
    print_specs("specs", {k: Spec.from_json(s) for k, s in document["specs"].items()})
    print_facts("config", flatten(document["config"]))
    print_facts("last metrics", records[-1] if records else {})
    return {
        **facts,
        "config": document["config"],
        "metrics": records[-1] if records else None,
        "collapse": _collapse(path, document) if saved else None,
    }


def _model(document: dict[str, Any]) -> dict[str, Any]:
    """Heads and size of the model, for families that may be built without asking."""
    from foreworld import catalog
    from foreworld.run import restore_model

    if document["family"] not in catalog.FAMILIES:
        return {"heads": None, "parameters": None}
    model = restore_model(document)
    return {"heads": list(model.heads), "parameters": sum(p.numel() for p in model.parameters())}


def _collapse(path: Path, document: dict[str, Any]) -> dict[str, Any] | None:
    """The panel of a family that watches itself, where its episodes are still there."""
    from foreworld import catalog
    from foreworld.cli.tables import print_table
    from foreworld.evaluation.collapse import collapse_panel
    from foreworld.evaluation.own import own_episode
    from foreworld.evaluation.tables import collapse_tables
    from foreworld.run import load, restore_model
    from foreworld.vocab import WorldModel

    if document["family"] not in catalog.FAMILIES:
        return None
    opened = load(path)
    watches_itself = type(opened.model).diagnose is not WorldModel.diagnose
    if not (watches_itself and (opened.store_path / "manifest.json").is_file()):
        return None
    halves = _some_episodes(opened.store_path)
    train, held_out = ([own_episode(opened.model, e) for e in half] for half in halves)
    fresh = restore_model(document).eval()
    try:
        panel = collapse_panel(opened.model, fresh, train, held_out)
    except ValueError as error:
        print(f"no collapse panel: {error}")
        return None
    for title, columns, rows in collapse_tables(panel):
        print_table(title, columns, rows)
    return panel.to_json()


def _some_episodes(path: Path) -> tuple[list[Any], list[Any]]:
    """Enough of both halves of a store's split for a panel in seconds."""
    from foreworld.episodes import EpisodeStore

    with EpisodeStore.open(path) as store:
        train, held_out = store.split()
        return [store[i] for i in train[-96:]], [store[i] for i in held_out[-48:]]


def _store(path: Path) -> dict[str, Any]:
    from foreworld.cli.tables import print_facts, print_specs
    from foreworld.data.stored import noted, noted_fps
    from foreworld.episodes import EpisodeStore

    with EpisodeStore.open(path) as store:
        lengths = [int(n) for n in store.lengths]
        facts = {
            "episodes": len(store),
            "steps": store.num_steps,
            "shortest": min(lengths, default=None),
            "longest": max(lengths, default=None),
            "size_mb": _size_mb(path),
        }
        came = noted(path)
        if came is not None:
            facts |= {"imported_from": came["dataset"], "format": came["format"]}
        facts |= {"fps": noted_fps(path)}
        print_facts(str(path), facts)
        print_specs("keys", store.specs)
        numbers = _statistics(store) if len(store) else None
        specs = {key: spec.to_json() for key, spec in store.specs.items()}
    return {**facts, "specs": specs, "statistics": numbers}


def _statistics(store: Any) -> dict[str, Any]:
    from foreworld.cli.tables import MOMENTS, moments_of, print_table

    recent = max(1, sum(store.lengths[::-1].cumsum() <= MAX_STEPS))
    numbers = store.statistics(store.ids[-recent:]).to_json()
    print_table(
        f"statistics of the last {numbers['episodes']} episodes",
        MOMENTS,
        moments_of(numbers),
    )
    return numbers


def _checkpoint(path: Path) -> dict[str, Any]:
    from foreworld.checkpoint import read_manifest
    from foreworld.cli.tables import print_facts

    manifest = read_manifest(path)
    facts = {key: manifest[key] for key in ("kind", "step", "time", "commit")}
    facts |= {"files": list(manifest["files"]), "size_mb": _size_mb(path)}
    print_facts(str(path), facts)
    return facts


def _size_mb(path: Path) -> float:
    return round(sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / 1e6, 3)
