from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces


class Counter(gymnasium.Env):
    """Counts its steps, remembers the action, ends after `length` steps (a clock if it is even)."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    targets = {"twice": spaces.Box(0, 100, (1,), np.float32)}

    def __init__(self, length: int = 3, render_mode: str | None = None) -> None:
        self.length, self.render_mode = length, render_mode
        self.action_space = spaces.Discrete(5, start=2)
        self.observation_space = spaces.Dict(
            {
                "count": spaces.Box(-1, 100, (2,), np.float64),
                "body": spaces.Dict({"last": spaces.Discrete(6, start=1)}),
                "word": spaces.Text(8),
                "eye": spaces.Box(0, 255, (4, 6, 3), np.uint8),
            }
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count, self.last = 0, 1
        return self._see()

    def step(self, action):
        assert action in self.action_space, action
        self.count, self.last = self.count + 1, int(action)
        observation, info = self._see()
        over = self.count >= self.length
        return observation, self.count / 2, over and self.length % 2 == 1, over, info

    def render(self):
        return np.full((80, 100, 3), self.count, np.uint8)

    def _see(self):
        observation = {
            "count": np.array([self.count, self.length], np.float64),
            "body": {"last": self.last},
            "word": "x" * (self.count % 8 + 1),
            "eye": np.full((4, 6, 3), self.count, np.uint8),
        }
        return observation, {"twice": np.array([2 * self.count], np.float32)}


@pytest.fixture
def counter():
    return Counter
