"""Staged scenes: rows to be seen, actions to be imagined, the instant at which truth comes out.

rows seen   0 … C-1   |   1 … H imagined with eyes closed   ─▶ truth, and what it is not: `other`
            a thing goes out of sight                          it is in sight again

Every scene has a twin, in which the other outcome is the true one: pictures alone say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from foreworld.worlds.functional import FunctionalWorld

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Scenes:
    """M scenes of one kind, as states of a functional world."""

    seen: Array  # [M, C, S]
    actions: Array  # [M, C - 1 + H, A]: those of row C - 1 and later are imagined
    when: Array  # [M] after how many imagined steps, 1 to H
    truth: Array  # [M, S]
    other: Array  # [M, S] what a mind that is wrong in this way would expect
    twins: Array  # [M] scenes of one number belong together

    @property
    def context(self) -> int:
        return self.seen.shape[1]

    @property
    def imagined(self) -> Array:
        """[M, H, A]."""
        return self.actions[:, self.context - 1 :]


def stage(world: FunctionalWorld, state: Array, actions: Array, context: int) -> tuple[Array, ...]:
    """Run scripts without chance: rows seen [M, C, S], and all that follow [M, H, S].

    state [M, S], the first row; actions [M, C - 1 + H, A].
    """
    states, quiet = [state], np.zeros((len(state), world.noise_width))
    for t in range(actions.shape[1]):
        states.append(world.advance(states[-1], actions[:, t], quiet))
    rows = np.stack(states, 1)
    return rows[:, :context], rows[:, context:]


def join(parts: Sequence[Scenes]) -> Scenes:
    """Scenes of the same lengths as one."""
    numbers, start = [], 0
    for part in parts:
        numbers.append(part.twins + start)
        start += int(part.twins.max()) + 1
    rest = [f.name for f in fields(Scenes) if f.name != "twins"]
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in rest}
    return Scenes(**joined, twins=np.concatenate(numbers))


def twinned(one: Scenes, two: Scenes) -> Scenes:
    """Scene m of one is the twin of scene m of the other."""
    both = join([one, two])
    return Scenes(**{**vars(both), "twins": np.concatenate([one.twins, two.twins])})
