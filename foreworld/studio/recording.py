"""What was played, as an episode of a store that `foreworld train` reads.

dream   what the model's heads said at every instant between two nodes
truth   what the simulator showed there
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.episodes import EpisodeStore
from foreworld.sessions.rows import Rows
from foreworld.sessions.tree import Node
from foreworld.studio.player import Player
from foreworld.vocab import FLAGS, Episode, Spec, Specs

MOST_STEPS = 20_000  # of one recording


def write(player: Player, folder: Path) -> dict[str, Any]:
    """Write what was recorded until here to the store in `folder`; path, source, episode, steps.

    Raises ValueError where nothing was, or where it went back before it began.
    """
    assert player.recording is not None
    source, nodes = player.recording["source"], _nodes(player, player.recording["node"])
    if source == "truth":
        specs, columns = _of_truth(player, nodes)
    else:
        specs, columns = _of_dream(player.stage.rows, player, nodes)
    episode = _episode(specs, columns, nodes)
    there = (folder / "manifest.json").exists()
    store = EpisodeStore.open(folder, "a", specs) if there else EpisodeStore.create(folder, specs)
    with store:
        number = store.append(episode)
    if source == "truth" and player.stage.describe is not None:
        player.stage.describe(folder)
    facts = {"path": str(folder), "source": source, "world": player.stage.offer.name}
    return facts | {"episode": number, "steps": len(episode)}


def _nodes(player: Player, first: int) -> list[Node]:
    """The instants from where recording began, one a frame: the dream that was replaced is not."""
    tree = player.session.tree
    path = tree.path(tree.here)
    places = [n for n, node in enumerate(path) if node.id == first]
    if not places:
        raise ValueError("one has gone back to before the recording began: nothing was recorded")
    nodes = path[places[0] :]
    last_of_frame = {node.frame: node for node in nodes}
    chosen = [last_of_frame[f] for f in sorted(last_of_frame)]
    if len(chosen) < 2:
        raise ValueError("nothing has happened since the recording began")
    if len(chosen) > MOST_STEPS:
        raise ValueError(f"{len(chosen)} steps; a recording has {MOST_STEPS} at most")
    return chosen


def _of_dream(rows: Rows, player: Player, nodes: Sequence[Node]) -> tuple[Specs, dict[str, Any]]:
    heads = [h for h in rows.heads if h in rows.specs]
    specs = {k: rows.specs[k] for k in (*heads, "action")}
    wanted = [*heads, *(h for h in ("reward", "continue") if h in rows.heads)]
    said = rows.predict([player.session.state_of(n.id) for n in nodes], wanted)
    columns = {k: np.stack([_value(row[k], specs[k]) for row in said]) for k in heads}
    told = [float(row["reward"]) if "reward" in row else 0.0 for row in said]
    columns["reward"] = np.array([0.0, *told[1:]], np.float32)
    ended = "continue" in said[-1] and float(said[-1]["continue"]) < 0.5
    return specs, columns | {"ended": ended}


def _of_truth(player: Player, nodes: Sequence[Node]) -> tuple[Specs, dict[str, Any]]:
    if player.shadow is None:
        raise ValueError("the simulator has been let go: nothing of it was recorded")
    path = player.session.tree.path(nodes[-1].id)
    truth = dict(zip((n.id for n in path), player.shadow.rows(path), strict=True))
    rows = [truth[n.id] for n in nodes]
    ends = [n for n, row in enumerate(rows) if row["is_last"][0]]
    rows = rows[: ends[0] + 1] if ends else rows
    specs = dict(player.shadow.specs)
    keys = [k for k, s in specs.items() if k != "action" and s.goal_of is None]
    columns: dict[str, Any] = {k: np.stack([row[k][0] for row in rows]) for k in keys}
    columns["reward"] = np.array([0.0, *(r["reward"][0] for r in rows[1:])], np.float32)
    return specs, columns | {"ended": bool(rows[-1]["is_terminal"][0])}


def _episode(specs: Specs, columns: dict[str, Any], nodes: Sequence[Node]) -> Episode:
    ended, length = columns.pop("ended"), len(columns["reward"])
    spec = specs["action"]
    # A row holds the action chosen after seeing it: the one that led to the next.
    chosen = [n.action for n in nodes[1:length] if n.action is not None]
    action = np.stack([*chosen, np.zeros(spec.shape, spec.dtype)]).astype(spec.dtype)
    flags = {flag: np.zeros(length, bool) for flag in FLAGS}
    flags["is_first"][0] = flags["is_last"][-1] = True
    flags["is_terminal"][-1] = ended
    return Episode({**columns, "action": action, **flags})


def _value(mean: np.ndarray, spec: Spec) -> np.ndarray:
    """What a head said as a value of its key."""
    values = np.reshape(mean, spec.shape)
    if spec.classes:
        return values.round().astype(spec.dtype)
    if spec.kind == "vector" and spec.low is not None and spec.high is not None:
        low, high = (
            np.reshape(b, spec.shape) if np.size(b) > 1 else b for b in (spec.low, spec.high)
        )
        values = values.clip(low, high)
    return values.astype(spec.dtype)
