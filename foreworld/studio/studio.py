"""The running studio: who plays, one thread for models, and the clock that steps them together.

every 1 / (fps x speed) s, on a grid ──▶ everybody who is due, in one batch ──▶ frames
a step that came late is counted, and what was missed is left out
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from foreworld.studio import protocol
from foreworld.studio.commands import state_json
from foreworld.studio.connection import REPLACED, Connection
from foreworld.studio.engine import Engine
from foreworld.studio.limits import Door, Limits
from foreworld.studio.player import Player
from foreworld.studio.protocol import Refusal
from foreworld.studio.welcome import tree_json

T = TypeVar("T")
LOG = logging.getLogger("foreworld.studio")


class Studio:
    def __init__(self, engine: Engine, door: Door, limits: Limits, fps: float) -> None:
        self.engine, self.door, self.limits, self.fps = engine, door, limits, fps
        self.players: dict[str, Player] = {}
        self.connections: set[Connection] = set()
        self.late = 0
        self._thread = ThreadPoolExecutor(1, "models", _prepare)
        self._woken = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None

    async def call(self, work: Callable[..., T], *args: Any) -> T:
        """Run something in the thread of the models."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def wake(self) -> None:
        """Somebody may be due who was not."""
        self._woken.set()

    async def start(self) -> None:
        self._clock = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
        for player in list(self.players.values()):
            await self.call(self.engine.leave, player)
        await self.call(self.engine.database.close)
        self._thread.shutdown()

    async def enter(self, hello: protocol.Hello, connection: Connection) -> Player:
        """The player of a connection. Raises Refusal where there is no room."""
        raw = hello.encoding == "raw"
        if hello.resume in self.players:
            await self._replace(self.players[str(hello.resume)])
        if len(self.players) >= self.limits.sessions:
            most = f"{self.limits.sessions} sessions are being played"
            raise Refusal("full", most, "wait until one of them ends")
        if hello.resume is not None:
            player = await self.call(self.engine.resume, hello.resume, raw)
        else:
            start = None if hello.start is None else hello.start.model_dump(by_alias=True)
            wish = (hello.world, hello.seed, start, raw, hello.chance)
            player = await self.call(self.engine.begin, *wish)
        player.audience = connection
        self.players[player.id] = player
        return player

    async def leave(self, player: Player, connection: Connection) -> None:
        """A connection is gone; its session stays where it is."""
        if player.audience is connection:
            self.players.pop(player.id, None)
            player.audience = None
            await self.call(self.engine.leave, player)

    async def _replace(self, player: Player) -> None:
        """Whoever played it until now has to go."""
        old = player.audience
        if isinstance(old, Connection):
            await self.leave(player, old)
            old.player = None
            await old.close(REPLACED, Refusal("busy", "the session was resumed elsewhere"))

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            playing = [p for p in self.players.values() if not p.paused]
            now = time.monotonic()
            first = min((p.next_at for p in playing), default=None)
            if first is None or first > now:
                wait = None if first is None else first - now
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), wait)
                continue
            due = [p for p in playing if p.next_at <= now]
            try:
                await self._tick(due)
            except Exception:  # a fault of ours must not stop everybody else's time
                LOG.exception("a step failed")
                for player in due:
                    _halt(player, "this step failed, and the server's log says why")

    async def _tick(self, due: list[Player]) -> None:
        branches = {p.id: p.session.tree.branch for p in due}
        done = await self.call(self.engine.step, due)
        after = time.monotonic()
        for player in due:
            period = 1 / (self.fps * player.speed)
            if player.next_at and after > player.next_at + period:
                player.late += 1
                self.late += 1
            player.next_at = period * (math.floor(after / period) + 1)
            frame, audience = done[player.id], player.audience
            if audience is None:
                continue
            if isinstance(frame, ValueError):
                _halt(player, str(frame))
                continue
            if player.session.tree.branch != branches[player.id]:
                audience.tell(tree_json(player))
            audience.show(frame)
        await self.call(self.engine.between, due)


def _halt(player: Player, why: str) -> None:
    player.paused = True
    if player.audience is not None:
        player.audience.tell(Refusal("invalid", why, "reset, or choose another policy").to_json())
        player.audience.tell(state_json(player))


def _prepare() -> None:
    """Of the thread of the models: one core, and no numbers too small to be worth their time."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    # Spots far from their things end in subnormal numbers, at which convolutions crawl.
    torch.set_flush_denormal(True)
