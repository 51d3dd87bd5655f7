"""Every held-out episode on its own: how wrong its futures were, and which were the worst.

errors = episode_errors(subject)      # {"image": {"<episode>": (error, error of copying)}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from foreworld.evaluation.fingerprint import of_episode
from foreworld.evaluation.imagination import changed, kind_of, recorded_heads
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import Windows, believe, foretell, held_out_windows


@dataclass(frozen=True, eq=False)
class Foretold:
    """The futures of every held-out episode, as they came and as they were imagined."""

    windows: Windows
    names: list[str]  # of the episodes, sixteen hex digits each
    imagined: Mapping[str, Tensor]  # by head [M, H, ...]
    errors: Mapping[str, np.ndarray]  # by head [M, 2]: squared error, and that of copying

    @property
    def headline(self) -> str:
        """The head that is shown: the first picture, or else the first vector."""
        heads = [h for h in self.imagined if self.imagined[h].ndim == 5] or list(self.imagined)
        return heads[0]

    def per_episode(self) -> dict[str, dict[str, list[float]]]:
        """By head and episode: summed squared error, and that of copying the last row seen."""
        shape = (len(self.names), -1, 2)
        return {
            head: {
                name: [float(f"{x:.9g}") for x in sums]
                for name, sums in zip(self.names, e.reshape(shape).sum(1), strict=True)
            }
            for head, e in self.errors.items()
        }

    def worst(self, count: int = 12) -> list[int]:
        """Rows of the windows, the worst one of each of the worst episodes, worst first."""
        errors = self.errors[self.headline][:, 0].reshape(len(self.names), -1)
        order = np.argsort(-errors.max(1), kind="stable")[:count]
        return [int(e * errors.shape[1] + errors[e].argmax()) for e in order]


def foretell_all(subject: Subject) -> Foretold:
    """Imagine the windows of all held-out episodes once, without noise.

    Raises ValueError where no episode is long enough.
    """
    p = subject.protocol
    long = [e for e in subject.held_out if len(e) >= p.context + p.horizon]
    windows = held_out_windows(
        long or subject.held_out, p.context, p.horizon, p.per_episode, p.seed
    )
    heads = recorded_heads(subject.model, windows.batch)
    imagined = foretell(subject.model, believe(subject.model, windows.seen), windows.actions, heads)
    errors = {h: _errors(kind_of(subject.model, h), windows, h, imagined[h]) for h in heads}
    return Foretold(windows, [of_episode(e) for e in long], imagined, errors)


def _errors(kind: str, windows: Windows, key: str, imagined: Tensor) -> np.ndarray:
    """[M, 2]: of the imagined future and of a copy; pictures where something changed."""
    future, last = windows.future(key), windows.last_seen(key)
    counted = changed(future, last).expand_as(future) if kind == "image" else None
    sums = []
    for guess in (imagined, last.expand_as(future)):
        wrong = (guess != future).float() if kind == "discrete" else (guess - future).square()
        wrong = wrong if counted is None else wrong * counted
        sums.append(wrong.double().flatten(1).sum(1).numpy())
    return np.stack(sums, 1)
