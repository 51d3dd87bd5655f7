"""What each message of a client does to its player, in the stepping thread; answers are data.

command(engine, player, message) -> fields of its `ack`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from foreworld.sessions.compare import compare
from foreworld.sessions.futures import Candidate, fan
from foreworld.studio import protocol
from foreworld.studio.engine import Engine
from foreworld.studio.frames import plain
from foreworld.studio.pictures import as_text
from foreworld.studio.player import Player
from foreworld.studio.protocol import Refusal
from foreworld.studio.recording import write

Answer = dict[str, Any]


def command(engine: Engine, player: Player, message: Any) -> Answer:
    """Raises ValueError or Refusal where it cannot be done."""
    match message:
        case protocol.Ctl():
            return OPERATIONS[message.op](engine, player, message.arg)
        case protocol.Branch():
            return _branch(engine, player, message)
        case protocol.Compare():
            return _compare(player, message)
        case protocol.Snapshot():
            return {"hash": engine.snapshot(player)}
        case protocol.Restore():
            engine.root(player, {"from": "snapshot", "hash": message.hash}, player.session.seed)
            engine.save([player])
            return {"branch": player.session.tree.branch}
        case protocol.Plan():
            return {"plan": _plan(player, message.count)}
    raise Refusal("unsupported", f"{type(message).__name__} is not taken here")


def _branch(engine: Engine, player: Player, message: protocol.Branch) -> Answer:
    tree = player.session.tree
    here, branch = tree.here, tree.branch
    source = tree.find(here if message.source is None else message.source)
    made = tree.fork(source.id, message.label)
    if not message.go:
        tree.here, tree.branch = here, branch
    _went(engine, player)
    return {"branch": made.number}


def _compare(player: Player, message: protocol.Compare) -> Answer:
    found = compare(player.session, message.branches, message.h, message.n, player.stage.atlas)
    two = len(found.branches) == 2
    heads = {
        name: {
            "totals": head.totals,
            "difference": _one_or_all([asdict(d) for d in head.differences], two),
            "curve": _one_or_all(head.curves, two),
        }
        for name, head in found.heads.items()
    }
    apart = None if found.divergence is None else _one_or_all(found.divergence, two)
    said = {"branches": found.branches, "fork": found.fork, "h": found.h, "n": found.n}
    return {"comparison": {**said, "heads": heads, "divergence": apart}}


def _one_or_all(values: Any, one: bool) -> Any:
    return values[0] if one else values


def _plan(player: Player, count: int) -> Answer:
    stage, session = player.stage, player.session
    if stage.planner is None:
        raise Refusal("unsupported", "nobody plans here: the actions have no bounds, or no reward")
    name, planned = stage.planner
    plan = planned.plan(session.state, session.node.frame)
    seen = fan(stage.rows, session.state, plan, count, stage.atlas, player.view)
    return {
        "planner": name,
        "horizon": plan.actions.shape[1],
        "chosen": 0,
        "candidates": [_candidate(c) for c in seen],
    }


def _candidate(candidate: Candidate) -> Answer:
    points, rewards = candidate.points, candidate.rewards
    return {
        "score": candidate.score,
        "actions": [plain(a) for a in candidate.actions],
        "points": None if points is None else points.tolist(),
        "rewards": None if rewards is None else rewards.tolist(),
        "image": as_text(candidate.picture),
    }


# Operations of `ctl`


def _went(engine: Engine, player: Player) -> None:
    """After the player stands elsewhere."""
    player.follow()
    player.plan_anew()
    engine.save([player])


def _pause(engine: Engine, player: Player, arg: None) -> Answer:
    player.paused = True
    return {}


def _play(engine: Engine, player: Player, arg: None) -> Answer:
    player.paused, player.next_at = False, 0.0  # the time it stood still is not late
    return {}


def _reset(engine: Engine, player: Player, arg: protocol.Again | None) -> Answer:
    tree = player.session.tree
    root = tree.path(tree.here)[0]
    start = dict(player.roots[root.id])
    seed = root.seed
    if arg is not None:
        start = start if arg.start is None else arg.start.model_dump(by_alias=True)
        seed = root.seed if arg.seed is None else arg.seed
    engine.root(player, start, seed)
    engine.save([player])
    return {"branch": player.session.tree.branch}


def _rewind(engine: Engine, player: Player, arg: int | protocol.To | None) -> Answer:
    if isinstance(arg, protocol.To):
        player.session.tree.rewind(arg.node)
    else:
        player.session.rewind(1 if arg is None else arg)
    _went(engine, player)
    return {"node": player.session.node.id}


def _goto(engine: Engine, player: Player, arg: int) -> Answer:
    player.session.tree.goto(arg)
    _went(engine, player)
    return {"node": player.session.node.id}


def _speed(engine: Engine, player: Player, arg: float) -> Answer:
    player.speed = float(arg)
    return {}


def _policy(engine: Engine, player: Player, arg: str) -> Answer:
    player.set_policy(arg)
    return {}


def _truth(engine: Engine, player: Player, arg: bool) -> Answer:
    if arg:
        player.attach()
    else:
        player.detach()
    engine.save([player])
    return {}


def _chance(engine: Engine, player: Player, arg: bool) -> Answer:
    player.session.chance = arg
    engine.save([player])
    return {}


def _resync(engine: Engine, player: Player, arg: None) -> Answer:
    node = engine.resync(player)
    engine.save([player])
    return {"node": node.id}


def _view(engine: Engine, player: Player, arg: str) -> Answer:
    player.set_view(arg)
    return {}


def _record(engine: Engine, player: Player, arg: protocol.On) -> Answer:
    if arg.on:
        if arg.source == "truth" and player.shadow is None:
            raise ValueError("no simulator runs along: there is no truth to record")
        player.recording = {"source": arg.source, "node": player.session.node.id}
        engine.save([player])
        return {}
    if player.recording is None:
        raise ValueError("nothing is being recorded")
    source, name = player.recording["source"], player.stage.offer.name
    try:
        facts = write(player, engine.folder / "recordings" / f"{name}-{source}")
    finally:
        player.recording = None
        engine.save([player])
    engine.database.note_recording(
        facts["path"], source, name, facts["episode"], facts["steps"], player.id
    )
    return {"recording": facts}


OPERATIONS: dict[str, Callable[[Engine, Player, Any], Answer]] = {
    "pause": _pause,
    "play": _play,
    "reset": _reset,
    "rewind": _rewind,
    "goto": _goto,
    "speed": _speed,
    "policy": _policy,
    "truth": _truth,
    "chance": _chance,
    "resync": _resync,
    "view": _view,
    "record": _record,
}
MOVES = ("step", "reset", "rewind", "goto", "resync", "view", "truth", "policy")  # are to be shown


def hand(player: Player, message: protocol.Keys | protocol.Act) -> None:
    """Latch what keys are down, or an action. Raises ValueError for one that does not fit."""
    if isinstance(message, protocol.Keys):
        player.down, player.held = message.down, None
    else:
        player.held = None if message.a is None else player.action(message.a)
    player.heard = message.seq


def state_json(player: Player) -> Answer:
    """The `state` message."""
    recording = player.recording
    if recording is not None:
        first = player.session.tree.nodes[recording["node"]].frame
        frames = max(0, player.session.node.frame - first)
        recording = {"source": recording["source"], "frames": frames}
    return {
        "t": "state",
        "paused": player.paused,
        "speed": player.speed,
        "policy": player.policy,
        "truth": player.shadow is not None,
        "chance": player.session.chance,
        "view": player.view,
        "branch": player.session.tree.branch,
        "recording": recording,
    }


def shape_of(player: Player) -> tuple[int, int]:
    """What changes when there is a tree to tell of: branches, and instants of truth."""
    tree = player.session.tree
    return len(tree.branches), tree.branch
