"""Uniformly random actions: the floor that every other policy has to beat.

Drawn anew at every step from (seed, step)::

    policy = RandomPolicy(specs["action"], seed=0)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foreworld.vocab import LEGAL, Spec, Step


@dataclass(frozen=True)
class RandomPolicy:
    """Uniform between the bounds or among the classes; the carry counts the steps.

    Where a step shows which are `legal`, among those.
    Raises ValueError for actions without finite bounds.
    """

    action_spec: Spec
    seed: int = 0

    def __post_init__(self) -> None:
        finite = all(np.isfinite(bound).all() for bound in self._bounds)
        if self.action_spec.classes is None and not finite:
            raise ValueError(
                f"random actions need finite bounds, the spec says low={self.action_spec.low}, "
                f"high={self.action_spec.high}: give both, e.g. Spec(..., low=-1.0, high=1.0)"
            )

    @property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.action_spec.low, self.action_spec.high
        return np.array(np.nan if low is None else low), np.array(np.nan if high is None else high)

    def init(self, num_envs: int) -> int:
        return 0

    def act(self, carry: int, step: Step) -> tuple[int, np.ndarray]:
        spec, num_envs = self.action_spec, len(step["is_first"])
        rng = np.random.default_rng((self.seed, carry))
        if LEGAL in step and spec.classes is not None and not spec.shape:
            flat = (rng.random(step[LEGAL].shape) + step[LEGAL]).argmax(-1)
        elif spec.classes is not None:
            flat = rng.integers(0, spec.classes, (num_envs, len(spec.classes)))
        else:
            flat = rng.uniform(*self._bounds, (num_envs, spec.width))
        return carry + 1, flat.reshape(num_envs, *spec.shape).astype(spec.dtype)
