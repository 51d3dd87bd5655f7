"""Writes a world to one folder that is played without Foreworld: in a browser tab, or anywhere.

foreworld export runs/demo --to web --out demo_web
python -m http.server --directory demo_web

foreworld export runs/demo --to onnx --out demo_onnx
foreworld export runs/demo --to run --out demo_small     a run to hand on: weights in 16 bits
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

NUM_STARTS, CONTEXT = 6, 8  # places to begin, and real steps seen before each


@dataclass(frozen=True)
class Args:
    run: Positional[Path]  # directory of a trained run
    out: Path  # the folder to write, which must not be there yet
    # a page, ONNX graphs, torch.export programs, or a small run for others who have Foreworld
    to: Literal["web", "onnx", "torch", "run"] = "web"
    heads: tuple[str, ...] | None = None  # what the model is to say; default: all it can
    rows: int = 1  # worlds that step side by side in a graph; the page plays one
    fps: int = 24  # steps in a second at first; the page can change it
    episodes: int = NUM_STARTS  # held-out ones that a small run takes along, to begin from
    seed: int = 0  # of the choice of starts
    family: str | None = None  # module:Class of the model, where it is not in the catalog


def run(args: Args) -> dict[str, Any]:
    """Write the folder; returns its manifest."""
    if args.to == "run":
        return _small(args)
    from foreworld.cli.tables import print_facts
    from foreworld.run import load
    from foreworld.serving.bundle import write_bundle
    from foreworld.training.threads import set_threads

    if args.rows < 1 or (args.to == "web" and args.rows > 1):
        raise ValueError(f"--rows {args.rows}: at least 1, and 1 for the web, which plays one")
    if args.out.exists():  # said before anything is loaded
        raise ValueError(f"{args.out} exists already; name a folder that does not, or remove it")
    set_threads(1)
    opened = load(args.run, family=args.family)
    heads = args.heads or opened.model.heads
    starts = _starts(opened, args.seed)
    about = _about(opened, heads, args.fps)
    manifest = write_bundle(args.out, args.to, opened.model, starts, about, heads, args.rows)
    facts = {k: manifest[k] for k in ("title", "family", "world", "step", "model", "starts")}
    size = sum(file["bytes"] for file in manifest["files"].values())
    print_facts(str(args.out), facts | {"size_mb": size / 1e6})
    if args.to == "web":
        print(f"play it: python -m http.server --directory {args.out}")
    return manifest


def _small(args: Args) -> dict[str, Any]:
    """The run, and of its files only what playing, planning and examining need."""
    from foreworld.cli.tables import print_facts
    from foreworld.episodes import EpisodeStore
    from foreworld.run import load, policy_arrays
    from foreworld.serving.portable import write_portable

    opened = load(args.run, family=args.family)
    starts = None
    if args.episodes and (opened.store_path / "manifest.json").exists():
        store = EpisodeStore.open(opened.store_path)
        starts = store, [int(id) for id in store.split()[1][: args.episodes]]
    arrays = {"model": opened.model.state_dict(), **policy_arrays(opened)}
    write_portable(args.out, args.run, opened.document, opened.step, arrays, starts)
    size = sum(file.stat().st_size for file in args.out.rglob("*") if file.is_file())
    facts = {"family": opened.document["family"], "step": opened.step, "size_mb": size / 1e6}
    print_facts(str(args.out), facts)
    print(f"play it: foreworld play {args.out}")
    return facts


def _about(opened: Any, heads: tuple[str, ...], fps: int) -> dict[str, Any]:
    """What the studio's `welcome` says of a world, for whoever plays it without a studio."""
    from foreworld.cli.staging import offer_of, trust_of
    from foreworld.evaluation import fingerprint
    from foreworld.studio.describe import describe
    from foreworld.studio.keymap import keymap

    offer, trust = offer_of(opened.path), trust_of(opened.path)
    horizon = trust["play"]["horizon"] if trust and "play" in trust else None
    return {
        "title": offer.title,
        "family": offer.family,
        "world": offer.env,
        "step": opened.step,
        "model": fingerprint.of_model(opened.model),
        "parameters": sum(p.numel() for p in opened.model.parameters()),
        "fps": fps,
        "trust": trust and {**trust, "horizon": horizon},
        **describe(keymap(offer.env, opened.model.specs["action"]), opened.model.specs, heads),
    }


def _starts(opened: Any, seed: int) -> Any:
    """States after real steps of held-out episodes; None where the run has no episodes."""
    import numpy as np

    from foreworld.episodes import EpisodeStore
    from foreworld.sessions import StoreStarts

    if not (opened.store_path / "manifest.json").exists():
        print(f"no episodes at {opened.store_path}: play begins before anything was seen")
        return None
    with EpisodeStore.open(opened.store_path) as store:
        held_out = store.split()[1]
        starts = StoreStarts(opened.model, store, held_out, CONTEXT)
        return starts(NUM_STARTS, np.random.default_rng(seed))
