"""How far a guess is from what came, one ruler a head, in units of how much the truth varies.

rulers = rulers_of(model, windows)
rulers["facts"].errors(imagined, future)      # [M, H]; 1 a number: as wrong as its deviation
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.imagination import changed, kind_of, recorded_heads
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import Windows, believe, foretell, held_out_windows, unit
from foreworld.vocab import Batch, Spec, Specs, State, WorldModel

STILL = 1e-6  # numbers that deviate by less do not vary
NOTICED = 0.05  # of a deviation: what moves by less might as well rest


@dataclass(frozen=True, eq=False)
class Ruler:
    """Squared errors of one head; discrete: 1 for a wrong class.

    scale [...]: what one number of a vector deviates by over all rows, infinite where it never
    varies (1 for images, in [0, 1], and for classes).
    """

    head: str
    kind: str
    scale: Tensor

    @property
    def live(self) -> Tensor:
        """Which of its numbers vary, bool [D]."""
        return torch.isfinite(self.scale).flatten()

    def scaled(self, x: Tensor) -> Tensor:
        """Numbers [..., D] of values [M, H, ...] in units of their deviations; dead ones are 0."""
        return _numbers(x / self.scale)

    def errors(self, guess: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
        """Summed over the numbers of an instant, those in `where` only: [M, H] of [M, H, ...]."""
        if self.kind == "discrete":
            wrong = (guess != truth).double()
        else:
            wrong = ((guess - truth) / self.scale).double().square()
        return _numbers(wrong if where is None else wrong * where).sum(-1)


@dataclass(frozen=True, eq=False)
class Sitting:
    """A model before its windows: what it believes after the rows it saw, and its rulers."""

    model: WorldModel
    windows: Windows
    state: State
    rulers: Mapping[str, Ruler]

    @property
    def chief(self) -> list[Ruler]:
        return chief(self.model.specs, self.rulers)

    def imagine(self, actions: Tensor, rulers: list[Ruler]) -> dict[str, Tensor]:
        """Means [M, H, ...] of the rulers' heads under actions [M, H, ...], without noise."""
        return foretell(self.model, self.state, actions, [r.head for r in rulers])

    def errors(self, guesses: Mapping[str, Tensor], rulers: list[Ruler]) -> Tensor:
        """Summed over the rulers' heads [M, H]; images count where they truly changed."""
        return torch.stack([self._errors(r, guesses[r.head]) for r in rulers]).sum(0)

    def _errors(self, ruler: Ruler, guess: Tensor) -> Tensor:
        future = self.windows.future(ruler.head)[:, : guess.shape[1]]
        where = None
        if ruler.kind == "image":
            where = changed(future, self.windows.last_seen(ruler.head))
        return ruler.errors(guess, future, where)

    def by_episode(self, x: Tensor) -> np.ndarray:
        """One row per window -> summed per episode: [M, ...] -> [E, ...]."""
        return x.unflatten(0, (self.windows.episodes, -1)).sum(1).double().numpy()


def sit(subject: Subject, times: int = 1) -> Sitting:
    """Windows of the held-out episodes as the protocol says, or `times` as many of each.

    Raises ValueError where all episodes are too short.
    """
    p = subject.protocol
    windows = held_out_windows(
        subject.held_out, p.context, p.horizon, times * p.per_episode, p.seed
    )
    state = believe(subject.model, windows.seen)
    return Sitting(subject.model, windows, state, rulers_of(subject.model, windows.batch))


def chief(specs: Specs, rulers: Mapping[str, Ruler]) -> list[Ruler]:
    """Those to judge motion by: where things are if a head names things ("cup.x"), else vectors,
    else images, else all. Single numbers are flags and scores, and left out.
    """
    vectors = [r for r in rulers.values() if r.kind == "vector" and r.live.numel() > 1]
    named = [r for r in vectors if things(spec_of(specs, r.head))]
    images = [r for r in rulers.values() if r.kind == "image"]
    return named or vectors or images or list(rulers.values())


def spec_of(specs: Specs, head: str) -> Spec:
    """What a head's numbers are; a reward is one, and no key of the world."""
    return specs.get(head, Spec((), "float32", "vector"))


def things(spec: Spec) -> dict[str, list[int]]:
    """Which numbers belong to which thing, from names such as "cup.x"; {} where none are named."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(spec.names or ()):
        if "." in name:
            found.setdefault(name.split(".")[0], []).append(index)
    return found


def rulers_of(model: WorldModel, recorded: Batch) -> dict[str, Ruler]:
    """A ruler for every head whose truth is recorded, in the order of the heads."""
    return {h: ruler_of(h, kind_of(model, h), recorded[h]) for h in recorded_heads(model, recorded)}


def _numbers(x: Tensor) -> Tensor:
    """Values of instants [M, H, ...] as [M, H, D]."""
    return x.flatten(2) if x.ndim > 2 else x.unsqueeze(-1)


def ruler_of(head: str, kind: str, rows: Tensor) -> Ruler:
    """A ruler from what was recorded [M, T, ...]."""
    if kind != "vector":
        return Ruler(head, kind, torch.ones(()))
    deviation = unit(rows).flatten(0, 1).double().std(0).float()
    return Ruler(head, kind, torch.where(deviation > STILL, deviation, torch.inf))
