"""What a player's audience gets to see: the binary frames of the protocol, many players at once."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch

from foreworld.sessions.futures import is_certain, spreads
from foreworld.studio.packing import Flag, Header, pack
from foreworld.studio.pictures import encode
from foreworld.studio.player import Player
from foreworld.studio.stage import HUMAN, Stage
from foreworld.vocab import CONTROL

LOST = 0.5  # surprise above which a dream is not to be believed
SPREAD_EVERY = 12  # frames
DIGITS = 5  # of numbers for people


def draw(players: Sequence[Player], ms_step: float) -> list[bytes]:
    """One frame of each, in order."""
    found: dict[str, bytes] = {}
    for some in _by_world(players):
        found |= zip((p.id for p in some), _frames(some[0].stage, some, ms_step), strict=True)
    return [found[p.id] for p in players]


def measure(players: Sequence[Player], now: bool = False) -> None:
    """How far futures spread, of those whose turn it is; now: of all.

    It costs as much as a frame: between frames, what it finds is shown in the next.
    """
    turn = [p for p in players if now or p.session.node.frame % SPREAD_EVERY == 0]
    for some in _by_world(turn):
        stage = some[0].stage
        if stage.atlas is None or is_certain(stage.rows):
            continue
        values = spreads([p.session for p in some], [p.before for p in some], stage.atlas)
        for player, value in zip(some, values, strict=True):
            player.spread = value


def _by_world(players: Sequence[Player]) -> list[list[Player]]:
    ordered = sorted(players, key=lambda p: p.stage.offer.name)
    return [list(group) for _, group in groupby(ordered, key=lambda p: p.stage.offer.name)]


def _frames(stage: Stage, players: list[Player], ms_step: float) -> list[bytes]:
    begun, rows = time.perf_counter(), stage.rows
    states = [p.session.state for p in players]
    said = rows.predict(states)
    pictures = _pictures(players)
    truths = [None if p.shadow is None else p.shadow.picture(p.view) for p in players]
    points, surprises = _places(stage, players)
    coded = [
        (encode(a, p.raw), encode(b, p.raw))
        for a, b, p in zip(pictures, truths, players, strict=True)
    ]
    ms_decode = (time.perf_counter() - begun) * 1e3
    return [
        _frame(p, said[n], coded[n], points[n], surprises[n], (ms_step, ms_decode / len(players)))
        for n, p in enumerate(players)
    ]


def _pictures(players: list[Player]) -> list[np.ndarray | None]:
    """Each player's view, those of one key in one call."""
    found: dict[str, np.ndarray] = {}
    for view in {p.view for p in players if p.view is not None}:
        some = [p for p in players if p.view == view]
        drawn = some[0].stage.rows.predict([p.session.state for p in some], [view])
        found |= {p.id: row[view] for p, row in zip(some, drawn, strict=True)}
    return [found.get(p.id) for p in players]


def _places(stage: Stage, players: list[Player]) -> tuple[list[tuple[Any, Any]], list[float]]:
    """Points of dream and truth on the map, and how far they are apart."""
    if stage.atlas is None:
        return [(None, None)] * len(players), [math.nan] * len(players)
    dreams = stage.rows.features([p.session.state for p in players])
    points = stage.atlas.point(dreams).tolist()
    places: list[tuple[Any, Any]] = []
    surprises: list[float] = []
    for n, player in enumerate(players):
        true_point, surprise = None, math.nan
        if player.shadow is not None:
            truth = stage.rows.features([player.shadow.state])
            true_point = stage.atlas.point(truth)[0].tolist()
            surprise = float(stage.atlas.distance(dreams[n : n + 1], truth)[0])
        places.append((points[n], true_point))
        surprises.append(surprise)
    return places, surprises


def _frame(
    player: Player,
    said: dict[str, np.ndarray],
    coded: tuple[bytes, bytes],
    points: tuple[Any, Any],
    surprise: float,
    times: tuple[float, float],
) -> bytes:
    node, since = player.session.node, player.since_observed
    reward = float(said["reward"]) if "reward" in said else math.nan
    header = Header(
        node.id,
        player.session.tree.branch,
        _flags(player, said, surprise, since),
        node.frame,
        time.time(),
        player.applied,
        surprise,
        player.spread,
        reward,
        *times,
        player.late,
    )
    extras = {
        "action": plain(player.before),
        "heads": {k: plain(v) for k, v in said.items()},
        "truth": _truth(player),
        "point": points[0],
        "truth_point": points[1],
        "since_observed": since,
        "dropped": player.dropped,
    }
    return pack(header, *coded, extras)


def _flags(player: Player, said: dict[str, np.ndarray], surprise: float, since: int) -> int:
    horizon, shadow = player.stage.horizon, player.shadow
    ended = "continue" in said and float(said["continue"]) < 0.5
    set_ = {
        Flag.ENDED: ended,
        Flag.LOST: surprise > LOST or (horizon is not None and since > horizon),
        Flag.PAUSED: player.paused,
        Flag.POLICY: player.policy != HUMAN,
        Flag.TRUTH: shadow is not None,
        Flag.RAW: player.raw,
        Flag.RECORDING: player.recording is not None,
        Flag.OBSERVED: player.session.node.observed,
        Flag.TRUTH_ENDED: shadow is not None and shadow.ended,
    }
    return int(sum(flag for flag, on in set_.items() if on))


def _truth(player: Player) -> dict[str, Any] | None:
    """What the simulator says where the model has a head."""
    if player.shadow is None:
        return None
    row, heads = player.shadow.row, player.stage.rows.numbers
    told = {k: plain(row[k][0]) for k in heads if k in row and (k == "reward" or k not in CONTROL)}
    if "continue" in heads:
        told["continue"] = float(not row["is_terminal"][0])
    return told | {"ended": player.shadow.ended}


def plain(values: Any) -> Any:
    """A number, or a flat list of them, short enough for people."""
    array = np.ravel(values.numpy() if isinstance(values, torch.Tensor) else values)
    short = [float(f"{float(v):.{DIGITS}g}") for v in array]
    return short[0] if np.ndim(values) == 0 else short
