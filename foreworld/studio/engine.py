"""Begins, steps, shows and saves players; all of it in the one thread that touches models.

hello ──▶ begin / resume ──▶ Player ──▶ step: choose · one batched step · truth · frames · save
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foreworld.sessions.session import Session, advance
from foreworld.sessions.snapshot import name_of, pack, unpack
from foreworld.sessions.starts import episode_start
from foreworld.sessions.tree import Node
from foreworld.studio.database import Database
from foreworld.studio.frames import draw, measure
from foreworld.studio.player import Player
from foreworld.studio.protocol import Refusal
from foreworld.studio.stage import Stage, Theatre

SEEDS = 2**31


class Engine:
    """theatre: the worlds; folder: where the database and recordings are."""

    def __init__(self, theatre: Theatre, folder: Path) -> None:
        self.theatre, self.folder = theatre, folder
        self.database = Database(folder / "studio.sqlite")

    def begin(
        self,
        world: str | None,
        seed: int | None,
        start: dict[str, Any] | None,
        raw: bool,
        chance: bool = False,
    ) -> Player:
        """A new session. Raises ValueError or Refusal for what is not there."""
        stage = self.theatre.stage(world)
        seed = secrets.randbelow(SEEDS) if seed is None else seed
        player = Player(secrets.token_hex(8), stage, Session(stage.rows, seed, chance))
        player.raw = raw
        self.root(player, start, seed)
        self.database.create(player.id, stage.offer.name, stage.model_hash, player.session)
        self.save([player])
        return player

    def resume(self, id: str, raw: bool) -> Player:
        """A session as it was. Raises Refusal where it is gone, or its model is another now."""
        kept = self.database.find(id)
        if kept is None:
            raise Refusal("not_found", f"there is no session {id}", "say hello without resume")
        stage = self.theatre.stage(kept["world"])
        if kept["model"] != stage.model_hash:
            raise Refusal(
                "invalid",
                f"session {id} was played in model {kept['model']}, {kept['world']} is now "
                f"{stage.model_hash}",
                "begin a new session",
            )
        player = Player(id, stage, self.database.load(id, stage.rows))
        player.raw = raw
        player.recall(kept["note"])
        return player

    def root(self, player: Player, start: dict[str, Any] | None, seed: int) -> None:
        """Begin anew in a session, at `start` (None: in the simulator, or what comes next)."""
        stage, session = player.stage, player.session
        start = start or {"from": _usual(stage)}
        player.detach()
        if start["from"] == "world":
            if stage.truth is None:
                raise ValueError("this world has no simulator that can be put back")
            node = session.begin(stage.rows.model.initial(1), seed)
        elif start["from"] == "episode":
            if stage.store is None:
                raise ValueError("this run has no episodes beside it")
            state, id, t = episode_start(
                stage.rows, stage.store, seed, start.get("id"), start.get("t")
            )
            node, start = session.begin(state, seed), {"from": "episode", "id": id, "t": t}
        elif start["from"] == "snapshot":
            data = self.database.snapshot(start["hash"])
            if data is None:
                raise Refusal("not_found", f"there is no snapshot {start['hash']}")
            kept = unpack(data, stage.rows.model, stage.model_hash)
            node = session.begin(kept.state, kept.seed, kept.frame, observed=False)
        else:
            node = session.begin(stage.rows.model.initial(1), seed, observed=False)
        player.roots[node.id] = start
        if start["from"] == "world":
            player.attach()
            assert player.shadow is not None
            session.keep(node, player.shadow.state)
        player.plan_anew()
        player.unsaved.append(node)

    def step(self, players: Sequence[Player]) -> dict[str, bytes | ValueError]:
        """One step of each, batched; frames by session, or what kept one from stepping."""
        begun, done = time.perf_counter(), {}
        stepping, actions = [], []
        for player in players:
            try:
                actions.append(player.choose())
                stepping.append(player)
            except ValueError as error:
                done[player.id] = error
        for stage in {p.stage.offer.name for p in stepping}:
            group = [n for n, p in enumerate(stepping) if p.stage.offer.name == stage]
            nodes = advance([stepping[n].session for n in group], [actions[n] for n in group])
            for n, node in zip(group, nodes, strict=True):
                stepping[n].moved(node)
        self.save(stepping)
        ms_step = (time.perf_counter() - begun) * 1e3
        frames = draw(stepping, ms_step)
        return done | dict(zip((p.id for p in stepping), frames, strict=True))

    def between(self, players: Sequence[Player]) -> None:
        """After their frames went out: what need not hold them up."""
        measure(players)

    def frame(self, player: Player) -> bytes:
        """What there is to see now."""
        measure([player], now=True)
        return draw([player], 0.0)[0]

    def resync(self, player: Player) -> Node:
        """The dream takes in what the simulator shows."""
        if player.shadow is None:
            raise ValueError('no simulator runs along: ctl truth true, or reset {"from": "world"}')
        node = player.session.take_in(player.shadow.state)
        player.follow()
        player.plan_anew()
        player.unsaved.append(node)
        return node

    def snapshot(self, player: Player) -> str:
        data = pack(player.session, player.stage.model_hash)
        name = name_of(data)
        self.database.keep_snapshot(name, data)
        return name

    def save(self, players: Sequence[Player]) -> None:
        """Commit what is new of each."""
        changes = [(p.id, p.session, p.unsaved, p.note()) for p in players]
        self.database.save(changes)
        for player in players:
            player.unsaved = []

    def leave(self, player: Player) -> None:
        """Save a player and let go of what runs beside it."""
        self.save([player])
        player.detach()


def _usual(stage: Stage) -> str:
    if stage.truth is not None:
        return "world"
    return "model" if stage.store is None else "episode"
