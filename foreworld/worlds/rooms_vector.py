"""Many houses in one process: stepped one by one, drawn all at once.

    envs = gymnasium.make_vec("foreworld/Rooms-v0", num_envs=16, wall="random")
    obs, infos = envs.reset(seed=0)                   # env i is seeded with 0 + i
    obs, rewards, terminated, truncated, infos = envs.step(actions)      # actions [16, 2]

The results are those of single environments with the same seeds, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from foreworld.worlds.rooms import Rooms
from foreworld.worlds.rooms_render import Painter
from foreworld.worlds.vector import WorldVector


class RoomsVector(WorldVector):
    """N houses behind gymnasium's vector interface; takes the options of `Rooms`."""

    metadata: dict[str, Any] = {**Rooms.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
    single = Rooms
    targets = Rooms.targets
    names = Rooms.names
    goals = Rooms.goals
    envs: list[Rooms]

    def _make_painter(self) -> Painter:
        return Painter(self.num_envs, self.envs[0].image_size)

    def _look(self, rows: list[int]) -> dict[str, Any]:
        envs = [self.envs[i] for i in rows]
        pictures = self._painter.paint(np.array(rows), [env.place for env in envs])
        for i, env in enumerate(envs):
            if env.factors["noise"] > 0.0:
                pictures[i] = env.sensed(pictures[i])
        return {"goal": self._painter.goals[rows], "image": pictures}
