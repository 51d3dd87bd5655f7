"""Depth as 12-bit codes, so that a video can hold it: LeRobot's quantisation, in metres.

    code = 4095 · (ln(z + shift) - ln(near + shift)) / (ln(far + shift) - ln(near + shift))

Logarithmic, since a depth camera's error grows with distance. What lies nearer or farther than the
range is told as its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

TOP = 4095  # the highest code of 12 bits


@dataclass(frozen=True)
class DepthCode:
    """What the codes 0 and 4095 mean, in metres, and how those between are spread."""

    near: float = 0.01
    far: float = 10.0
    shift: float = 3.5  # added before the logarithm: how evenly codes are spread
    logarithmic: bool = True

    def __post_init__(self) -> None:
        sound = np.isfinite([self.near, self.far, self.shift]).all() and self.near < self.far
        if not sound or (self.logarithmic and self.near + self.shift <= 0):
            raise ValueError(
                f"depth from {self.near} to {self.far} m, shift {self.shift}: near < far and "
                "near + shift > 0, as in 0.01, 10.0 and 3.5"
            )

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> DepthCode:
        """As the entry of a video feature in info.json says; what it leaves out is the default."""
        names = {
            "near": "depth_min",
            "far": "depth_max",
            "shift": "shift",
            "logarithmic": "use_log",
        }
        told = {ours: info.get(f"video.{theirs}") for ours, theirs in names.items()}
        return cls(**{name: value for name, value in told.items() if value is not None})

    def to_info(self) -> dict[str, Any]:
        """The entries of info.json."""
        return {
            "is_depth_map": True,
            "depth_unit": "m",
            "video.depth_min": self.near,
            "video.depth_max": self.far,
            "video.shift": self.shift,
            "video.use_log": self.logarithmic,
        }

    def encode(self, depth: np.ndarray) -> np.ndarray:
        """Metres, any shape, as codes uint16."""
        low, high = self._bent(np.array([self.near, self.far]))
        share = (self._bent(np.asarray(depth, np.float64).clip(self.near, self.far)) - low) / (
            high - low
        )
        return np.rint(share * TOP).clip(0, TOP).astype(np.uint16)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes, any shape, as metres float32."""
        low, high = self._bent(np.array([self.near, self.far]))
        bent = low + np.arange(TOP + 1) * ((high - low) / TOP)
        depth = np.exp(bent) - self.shift if self.logarithmic else bent
        return depth.astype(np.float32)[np.minimum(codes, TOP)]

    def _bent(self, depth: np.ndarray) -> np.ndarray:
        return np.log(depth + self.shift) if self.logarithmic else depth
