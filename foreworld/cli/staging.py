"""Makes a run ready to be played: its model, its simulator, who can act, a map of what it knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foreworld.catalog import LEARNERS
from foreworld.cli.examinee import branching_world
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.fingerprint import of_model
from foreworld.evaluation.trust_report import read_trust
from foreworld.planners import RewardObjective
from foreworld.policies.actor_critic import ActorPolicy
from foreworld.run import Run, load, load_policy, make_planner, read_document, write_world
from foreworld.sessions.atlas import Atlas, draw_atlas
from foreworld.sessions.chance import noise_at
from foreworld.sessions.imagined import StoreStarts
from foreworld.sessions.rows import Rows
from foreworld.sessions.steering import Chance, Learned, Planned, Steering
from foreworld.studio.keymap import keymap
from foreworld.studio.stage import Offer, Stage
from foreworld.vocab import Spec

GALLERY = Path(__file__).parents[1] / "gallery"
INSTANTS = 256  # that the map is drawn from
CONTEXT = 4  # steps seen before each
QUICK = {"horizon": 12, "num_candidates": 64, "num_elites": 8, "iterations": 2, "action_block": 3}


def offer_of(path: Path, source: str = "run") -> Offer:
    """What a run directory offers. Raises ValueError where it is none."""
    document = read_document(path)
    world = document["world"]
    env = None if world is None else world["env"]
    name = path.resolve().name
    about = path / "about.txt"
    play = (trust_of(path) or {}).get("play", {})
    return Offer(
        name,
        name.replace("_", " ").replace("-", " ").capitalize(),
        path,
        env,
        document["family"],
        source,
        about.read_text().strip() if about.is_file() else "",
        Path(document.get("episodes") or path / "episodes"),
        play.get("light"),
        play.get("horizon"),
    )


def gallery() -> list[Offer]:
    """The runs that come with Foreworld."""
    return [offer_of(file.parent, "gallery") for file in sorted(GALLERY.glob("*/run.json"))]


def open_stage(offer: Offer, family: str | None = None) -> Stage:
    """Raises ValueError for a run without a checkpoint, or of an unknown family."""
    torch.set_flush_denormal(True)
    opened = load(offer.path, family=family if offer.source == "run" else None)
    rows = Rows(opened.model)
    store = EpisodeStore.open(opened.store_path) if opened.store_path.exists() else None
    truth = _truth(opened)
    planner = _planner(opened)
    return Stage(
        offer=offer,
        rows=rows,
        model_hash=of_model(opened.model),
        keymap=keymap(offer.env, opened.model.specs["action"]),
        atlas=_atlas(rows, store),
        store=store,
        truth=truth,
        steerings=_steerings(opened, planner),
        planner=planner,
        trust=trust_of(offer.path),
        step=opened.step,
        describe=None if opened.world is None else partial(write_world, world=opened.world),
    )


def _truth(opened: Run) -> Any:
    """How to make its simulator; None where there is none that can be put back."""
    if opened.world is None:
        return None
    try:
        branching_world(opened.world, played=True).close()
    except (ValueError, ImportError):
        return None
    return partial(branching_world, opened.world, played=True)


def _planner(opened: Run) -> tuple[str, Planned] | None:
    """With the settings it was trained with, or quick ones: a person is waiting."""
    if "reward" not in opened.model.heads or not _bounded(opened.model.specs["action"]):
        return None
    training = opened.document["training"]
    name = training.get("planner") or "cem"
    settings = training.get("planner_config") if training.get("planner") else QUICK
    return name, Planned(opened.model, make_planner(name, settings), RewardObjective())


def _steerings(opened: Run, planner: tuple[str, Planned] | None) -> dict[str, Steering]:
    found: dict[str, Steering] = {}
    spec = opened.model.specs["action"]
    if _bounded(spec):
        found["random"] = Chance(spec)
    if planner is not None:
        found["planner"] = planner[1]
    if opened.document["training"].get("learner") in LEARNERS:
        policy = load_policy(opened)
        if isinstance(policy, ActorPolicy):
            found["learner"] = Learned(opened.model, policy.actor)
    return found


def _bounded(spec: Spec) -> bool:
    if spec.classes:
        return True
    return spec.low is not None and spec.high is not None


def _atlas(rows: Rows, store: EpisodeStore | None) -> Atlas | None:
    """From stored instants, or from a long dream of random actions where there are none."""
    if store is not None and len(store):
        starts = StoreStarts(rows.model, store, context=CONTEXT)
        states = starts(INSTANTS, np.random.default_rng(0))
        with torch.no_grad():
            return draw_atlas(rows.model.features(states))
    if not _bounded(rows.specs["action"]):
        return None
    chance, features = Chance(rows.specs["action"]), []
    states = [rows.model.initial(1)] * 8
    for step in range(INSTANTS // 8):
        actions = [chance(None, 8 * step + n)[0] for n in range(8)]
        noises = [noise_at(rows.model, n, step) for n in range(8)]
        states = rows.imagine(states, actions, noises)
        features.append(rows.features(states))
    return draw_atlas(torch.cat(features))


def trust_of(path: Path) -> dict[str, Any] | None:
    """The verdicts of a run's trust report, by use."""
    try:
        report = read_trust(path)
    except ValueError:
        return None
    kept = ("light", "horizon", "why")
    return {v["use"]: {k: v[k] for k in kept} for v in report["verdicts"]}
