"""What a client is told of a session: what it plays, what it may press, and its past."""

from __future__ import annotations

from typing import Any

from foreworld.sessions.futures import is_certain
from foreworld.studio.database import Database
from foreworld.studio.keymap import Keymap
from foreworld.studio.player import Player
from foreworld.studio.protocol import VERSION
from foreworld.studio.stage import Stage
from foreworld.vocab import Spec


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
        "action": _action(stage.keymap),
        "keymap": stage.keymap.to_json(),
        "heads": {h: _head(h, rows.specs.get(h)) for h in rows.numbers},
        "images": {h: _size(rows.specs[h].shape) for h in rows.images},
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


def _action(keymap: Keymap) -> dict[str, Any]:
    spec, rest = keymap.spec, keymap.rest
    common = {
        "shape": spec.shape,
        "names": keymap.names,
        "rest": None if rest is None else rest.tolist(),
    }
    if spec.classes:
        return {"kind": "discrete", "classes": spec.classes, **common}
    return {
        "kind": "continuous",
        "low": _all(spec.low, spec),
        "high": _all(spec.high, spec),
        **common,
    }


def _all(bound: Any, spec: Spec) -> list[float] | None:
    if bound is None:
        return None
    return list(bound) if isinstance(bound, tuple) else [bound] * spec.width


def _head(name: str, spec: Spec | None) -> dict[str, Any]:
    if spec is None:
        return {"kind": "probability" if name == "continue" else "scalar", "unit": None}
    if spec.classes:
        return {"kind": "discrete", "classes": spec.classes, "names": spec.names}
    if not spec.shape:
        return {"kind": "scalar", "unit": spec.unit}
    return {"kind": "vector", "names": spec.names, "size": spec.width, "unit": spec.unit}


def _size(shape: tuple[int, ...]) -> dict[str, int]:
    return {"height": shape[0], "width": shape[1]}


def _truth(player: Player) -> dict[str, Any]:
    picture = None if player.shadow is None else player.shadow.picture(player.view)
    return {
        "possible": player.stage.truth is not None,
        "attached": player.shadow is not None,
        "image": None if picture is None else _size(picture.shape),
    }


def _trust(stage: Stage) -> dict[str, Any] | None:
    return None if stage.trust is None else {**stage.trust, "horizon": stage.horizon}


def _map(stage: Stage) -> dict[str, Any] | None:
    if stage.atlas is None:
        return None
    (x0, y0), (x1, y1) = stage.atlas.low, stage.atlas.high
    return {"x": [x0, x1], "y": [y0, y1]}
