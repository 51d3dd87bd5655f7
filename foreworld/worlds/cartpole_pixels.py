"""CartPole as small pictures: Gymnasium's physics to the bit, drawn by us.

Gymnasium's own renderer draws 600 x 400 pixels to be shrunk, and takes longer than a world model
takes to learn from them. This one draws the few pixels that are asked for. The pole is drawn twice
as long as it is, so that its lean (12 degrees end an episode) is seen at 32 pixels::

    env = gymnasium.make("foreworld/CartPolePixels-v0", size=32)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

from foreworld.worlds.raster import box_distance, over

WALL, TRACK = (238.0, 236.0, 228.0), (96.0, 96.0, 104.0)
CART, POLE = (40.0, 60.0, 130.0), (204.0, 92.0, 40.0)
VIEW_M = 5.4  # width of the picture: the track, and a cart at its end
POLE_M = 2.0


class CartPolePixels(gymnasium.Env):
    """One key: the picture, uint8 [size, size, 3]. Actions, rewards and ends are CartPole-v1's."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}

    def __init__(self, size: int = 32, render_mode: str | None = None) -> None:
        if size < 8:
            raise ValueError(f"size={size}: nothing can be seen below 8 pixels")
        self.size, self.render_mode = size, render_mode
        self.poles = CartPoleEnv()
        self.action_space = self.poles.action_space
        self.observation_space = spaces.Box(0, 255, (size, size, 3), np.uint8)
        at = (np.arange(size, dtype=np.float32) + 0.5) * (VIEW_M / size)
        # Metres from the middle of the track, which runs at a quarter of the height.
        self._x = np.broadcast_to(at - VIEW_M / 2, (size, size))
        self._y = np.broadcast_to((0.75 * VIEW_M - at)[:, None], (size, size))
        self._empty = np.empty((size, size, 3), np.float32)
        self._empty[:] = WALL
        self._box(self._empty, self._x, self._y, (VIEW_M, 0.05), TRACK)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.poles.reset(seed=seed, options=options)
        return self.render(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        _, reward, terminated, truncated, info = self.poles.step(action)
        return self.render(), float(reward), terminated, truncated, info

    def render(self) -> np.ndarray:
        """The picture as it is now."""
        cart_m, _, lean_rad, _ = np.asarray(self.poles.state, np.float32)
        picture, x = self._empty.copy(), self._x - cart_m
        self._box(picture, x, self._y, (0.4, 0.24), CART)
        sine, cosine = np.sin(lean_rad), np.cos(lean_rad)
        across, along = cosine * x - sine * self._y, sine * x + cosine * self._y
        self._box(picture, across, along - POLE_M / 2, (0.1, POLE_M / 2), POLE)
        return (picture + 0.5).astype(np.uint8)

    def get_state(self) -> dict[str, Any]:
        """All there is to know, in plain numbers and strings."""
        return {
            "place": [float(x) for x in self.poles.state],
            "beyond": self.poles.steps_beyond_terminated,
            "rng": self.poles.np_random.bit_generator.state,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `get_state`, bit for bit."""
        self.poles.state = np.array(state["place"], np.float64)
        self.poles.steps_beyond_terminated = state["beyond"]
        self.poles.np_random.bit_generator.state = state["rng"]

    def _box(
        self,
        picture: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        half: tuple[float, float],
        rgb: tuple[float, float, float],
    ) -> None:
        """Lay a box around (0, 0) over the picture; lengths in metres, edges a pixel soft."""
        distance = box_distance(x, y, *half) * np.float32(self.size / VIEW_M)
        over(picture, np.clip(0.5 - distance, 0, 1), np.asarray(rgb, np.float32))
