"""One client on its socket: what it says, and a letter box in which old frames give way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from foreworld.studio import protocol
from foreworld.studio.commands import MOVES, command, hand, shape_of, state_json
from foreworld.studio.limits import Bucket
from foreworld.studio.packing import dumps
from foreworld.studio.player import Player
from foreworld.studio.protocol import Refusal, read
from foreworld.studio.welcome import tree_json, welcome

if TYPE_CHECKING:
    from foreworld.studio.studio import Studio

LOG = logging.getLogger("foreworld.studio")
FRAMES = 2  # that wait for a slow client
MESSAGES = 4096  # that wait; who reads none of them is let go
BEAT_S = 1.0
UNAUTHORIZED, NO_HELLO, FLOOD, REPLACED = 4401, 4408, 4429, 4409
SLOW_S = 0.2  # that stepping by hand waits for a frame to be taken


class Outbox:
    """What is to be sent: messages all of them, of frames the newest."""

    def __init__(self) -> None:
        self.messages: deque[str] = deque()
        self.frames: deque[bytes] = deque()
        self.dropped = 0
        self._filled, self._taken = asyncio.Event(), asyncio.Event()

    def tell(self, message: dict[str, Any]) -> None:
        self.messages.append(dumps(message))
        self._filled.set()

    def show(self, frame: bytes) -> None:
        if len(self.frames) == FRAMES:
            self.frames.popleft()
            self.dropped += 1
        self.frames.append(frame)
        self._taken.clear()
        self._filled.set()

    async def take(self) -> str | bytes:
        while not self.messages and not self.frames:
            self._filled.clear()
            await self._filled.wait()
        if self.messages:
            return self.messages.popleft()
        frame = self.frames.popleft()
        if not self.frames:
            self._taken.set()
        return frame

    async def emptied(self) -> None:
        """Until frames have been taken, or a slow client has had its time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._taken.wait(), SLOW_S)


class Connection:
    """Lives as long as its socket."""

    def __init__(self, studio: Studio, socket: WebSocket) -> None:
        self.studio, self.socket = studio, socket
        self.outbox, self.bucket = Outbox(), Bucket(studio.limits.rate)
        self.player: Player | None = None
        self._told_s = -math.inf  # when a flood was last answered

    # What a player's audience does

    def tell(self, message: dict[str, Any]) -> None:
        self.outbox.tell(message)

    def show(self, frame: bytes) -> None:
        self.outbox.show(frame)
        if self.player is not None:
            self.player.dropped = self.outbox.dropped

    async def run(self) -> None:
        """Until either side has enough."""
        sender = asyncio.create_task(self._send())
        beat = asyncio.create_task(self._beat())
        try:
            await self._converse()
        except WebSocketDisconnect:
            pass
        finally:
            for task in (sender, beat):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                    await task
            if self.player is not None:
                await self.studio.leave(self.player, self)

    async def close(self, code: int, refusal: Refusal) -> None:
        """Say why, then hang up."""
        bye = {"t": "bye", "code": refusal.code, "msg": refusal.msg}
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(BEAT_S):  # one who reads nothing does not hold us up
                await self.socket.send_text(dumps(refusal.to_json()))
                await self.socket.send_text(dumps(bye))
                await self.socket.close(code)

    async def _converse(self) -> None:
        deadline = time.monotonic() + self.studio.limits.hello_s
        while self.socket.application_state is WebSocketState.CONNECTED:
            left = None if self.player else max(0.0, deadline - time.monotonic())
            try:
                said = await asyncio.wait_for(self.socket.receive(), left)
            except TimeoutError:
                problem = Refusal("hello_first", "no hello came", "say hello within ten seconds")
                return await self.close(NO_HELLO, problem)
            if said["type"] == "websocket.disconnect":
                return None
            if len(self.outbox.messages) > MESSAGES:
                problem = Refusal("too_fast", "answers are not being read", "read them")
                return await self.close(FLOOD, problem)
            if not self.bucket.take():
                if self.bucket.refused > self.studio.limits.flood:
                    problem = Refusal("too_fast", "messages kept flooding in", "connect again")
                    return await self.close(FLOOD, problem)
                self._slow_down()
                continue
            text = said.get("text")
            if not await self._answer(text if text is not None else said.get("bytes") or b""):
                return None
        return None

    def _slow_down(self) -> None:
        now = time.monotonic()
        if now > self._told_s + 1:
            self._told_s = now
            rate = f"at most {self.studio.limits.rate:.0f} messages a second"
            self.tell(Refusal("too_fast", "this message was not read", rate).to_json())

    async def _answer(self, said: str | bytes) -> bool:
        """Whether to go on listening."""
        seq = None
        try:
            message = read(said)
            seq = message.seq
            if isinstance(message, protocol.Hello):
                return await self._hello(message)
            if self.player is None:
                raise Refusal("hello_first", "nothing is played yet", "say hello first")
            await self._obey(self.player, message)
        except Refusal as refusal:
            refusal.seq = seq if refusal.seq is None else refusal.seq
            self.tell(refusal.to_json())
        except ValueError as error:
            self.tell(Refusal("invalid", str(error), "see docs/protocol.md", seq).to_json())
        except Exception:  # a fault of ours costs an answer, not the session
            LOG.exception("a message could not be answered")
            fault = Refusal("failed", "this failed; the server's log says why", "report it", seq)
            self.tell(fault.to_json())
        return True

    async def _hello(self, hello: protocol.Hello) -> bool:
        if not self.studio.door.knows(
            hello.token or self.socket.query_params.get("token"), self.socket.headers
        ):
            problem = Refusal(
                "unauthorized", "the token is missing or wrong", "open the printed URL"
            )
            await self.close(UNAUTHORIZED, problem)
            return False
        if self.player is not None:
            raise Refusal("invalid", "this connection plays already", "open another one")
        self.player = await self.studio.enter(hello, self)
        resumed = hello.resume is not None
        engine = self.studio.engine
        self.tell(
            await self.studio.call(welcome, self.player, self.studio.fps, resumed, engine.database)
        )
        self.show(await self.studio.call(engine.frame, self.player))
        return True

    async def _obey(self, player: Player, message: Any) -> None:
        engine = self.studio.engine
        if isinstance(message, protocol.Ping):
            self._ack(message.seq, {"tc": message.tc, "ts": time.time()})
            return
        if isinstance(message, (protocol.Keys, protocol.Act)):
            hand(player, message)
            self._ack(message.seq, {})
            return
        op = message.op if isinstance(message, protocol.Ctl) else None
        shape, state = shape_of(player), state_json(player)
        if op == "step":
            await self._step(player, message)
        else:
            self._ack(message.seq, await self.studio.call(command, engine, player, message))
        after = state_json(player)
        if shape_of(player) != shape or op == "resync":
            self.tell(tree_json(player))
        if after != state:
            self.tell(after)
        self.studio.wake()
        if player.paused and op != "step" and (op in MOVES or _moved(message)):
            self.show(await self.studio.call(engine.frame, player))

    async def _step(self, player: Player, message: protocol.Ctl) -> None:
        if not player.paused:
            raise Refusal("invalid", "it plays already", "pause first", message.seq)
        for _ in range(message.arg or 1):
            done = (await self.studio.call(self.studio.engine.step, [player]))[player.id]
            if isinstance(done, ValueError):
                raise done
            self.show(done)
            await self.outbox.emptied()
            await self.studio.call(self.studio.engine.between, [player])
        self._ack(message.seq, {"node": player.session.node.id})

    def _ack(self, seq: int, fields: dict[str, Any]) -> None:
        self.tell({"t": "ack", "seq": seq, **fields})

    async def _send(self) -> None:
        while True:
            item = await self.outbox.take()
            if isinstance(item, str):
                await self.socket.send_text(item)
            else:
                await self.socket.send_bytes(item)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if self.player is not None and self.player.paused:
                self.tell({"t": "beat", "ts": time.time()})


def _moved(message: Any) -> bool:
    return isinstance(message, (protocol.Branch, protocol.Restore))
