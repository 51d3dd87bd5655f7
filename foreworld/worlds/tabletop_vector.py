"""Many tabletops in one process: stepped one by one, drawn all at once.

    envs = gymnasium.make_vec("foreworld/Tabletop-v0", num_envs=16, task="push")
    obs, infos = envs.reset(seed=0)                   # env i is seeded with 0 + i
    obs, rewards, terminated, truncated, infos = envs.step(actions)      # actions [16, 2]

The results are those of single environments with the same seeds, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from foreworld.worlds.tabletop import Tabletop
from foreworld.worlds.tabletop_render import Painter
from foreworld.worlds.tabletop_task import Task
from foreworld.worlds.vector import WorldVector


class TabletopVector(WorldVector):
    """N tabletops behind gymnasium's vector interface; takes the options of `Tabletop`."""

    metadata: dict[str, Any] = {**Tabletop.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
    single = Tabletop
    targets = Tabletop.targets
    names = Tabletop.names
    envs: list[Tabletop]

    @property
    def facts(self) -> np.ndarray:
        """The facts of all envs, float32 [N, F]."""
        return np.stack([env.facts for env in self.envs])

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all envs."""
        return [env.task for env in self.envs]

    def _make_painter(self) -> Painter:
        return Painter(self.num_envs, self.envs[0].image_size)

    def _look(self, rows: list[int]) -> dict[str, Any]:
        envs = [self.envs[i] for i in rows]
        return {
            "image": self._painter.paint(np.array(rows), np.stack([env.things for env in envs])),
            "instruction": tuple(env.instruction for env in envs),
            "proprio": np.stack([env.proprio for env in envs]),
        }
