"""What a client is told of a session: what it plays, what it may press, and its past."""

from __future__ import annotations

from typing import Any

from foreworld.sessions.futures import is_certain
from foreworld.studio.database import Database
from foreworld.studio.describe import describe, size_json
from foreworld.studio.player import Player
from foreworld.studio.protocol import VERSION
from foreworld.studio.stage import Stage


def welcome(player: Player, fps: float, resumed: bool, database: Database) -> dict[str, Any]:
    """The `welcome` message."""
    stage = player.stage
    offer, rows = stage.offer, stage.rows
    return {
        "t": "welcome",
        "v": VERSION,
        "session": player.id,
        "world": offer.name,
        "env": offer.env,
        "title": offer.title,
        "model": stage.model_hash,
        "family": type(rows.model).__name__,
        "parameters": sum(p.numel() for p in rows.model.parameters()),
        "fps": fps,
        "seed": player.session.tree.path(player.session.tree.here)[0].seed,
        "resumed": resumed,
        "paused": player.paused,
        "policy": player.policy,
        "speed": player.speed,
        "view": player.view,
        "chance": player.session.chance,
        **describe(stage.keymap, rows.specs, rows.heads),
        "truth": _truth(player),
        "policies": stage.policies,
        "planner": stage.planner and stage.planner[0],
        "deterministic": is_certain(rows),
        "exact": rows.exact,
        "trust": _trust(stage),
        "map": _map(stage),
        "recordings": database.recordings(player.id),
        "tree": tree_json(player),
    }


def tree_json(player: Player) -> dict[str, Any]:
    """The `tree` message."""
    tree = player.session.tree
    branches = [
        {
            "branch": b.number,
            "label": b.label,
            "fork": b.fork,
            "parent": b.parent,
            "first": b.first,
            "head": b.head,
            "from_frame": tree.nodes[b.first if b.fork is None else b.fork].frame,
            "frame": tree.nodes[b.head].frame,
        }
        for b in tree.branches
    ]
    here = {"branch": tree.branch, "node": tree.here, "observed": list(tree.observed)}
    return {"t": "tree", "branches": branches, **here}


def _truth(player: Player) -> dict[str, Any]:
    picture = None if player.shadow is None else player.shadow.picture(player.view)
    return {
        "possible": player.stage.truth is not None,
        "attached": player.shadow is not None,
        "image": None if picture is None else size_json(picture.shape),
    }


def _trust(stage: Stage) -> dict[str, Any] | None:
    return None if stage.trust is None else {**stage.trust, "horizon": stage.horizon}


def _map(stage: Stage) -> dict[str, Any] | None:
    if stage.atlas is None:
        return None
    (x0, y0), (x1, y1) = stage.atlas.low, stage.atlas.high
    return {"x": [x0, x1], "y": [y0, y1]}
