"""Futures that a model holds possible: drawn with its noise, by several models, or by both.

drawn = draw(subject, sitting)                      {head: [n, M, H, ...]}
claims = claims_of(subject, sitting, drawn)         draws and what came, in deviations
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.rulers import STILL, Ruler, Sitting
from foreworld.evaluation.subject import Subject
from foreworld.evaluation.windows import believe
from foreworld.vocab import State, WorldModel

SAME = 1e-4  # of a deviation: closer than rounding tells apart
COARSE = 4  # pictures are judged as so many cells a side


@dataclass(frozen=True, eq=False)
class Claims:
    """Draws [n, M, H, D] and truth [M, H, D] in deviations; D: the numbers that vary at all."""

    draws: np.ndarray
    truth: np.ndarray
    episodes: int
    seed: int

    def by_episode(self, x: np.ndarray) -> np.ndarray:
        """Means over windows and numbers of [M, H, D]: [E, H]."""
        return x.reshape(self.episodes, -1, *x.shape[1:]).mean((1, 3))


def heads_of(sitting: Sitting) -> list[Ruler]:
    """What is drawn: things, vectors or pictures, and the reward."""
    reward = [r for r in sitting.rulers.values() if r.head == "reward"]
    return [*(r for r in sitting.chief if r.head != "reward"), *reward]


@torch.no_grad()
def draw(subject: Subject, sitting: Sitting) -> dict[str, Tensor]:
    """Futures [n, M, H, ...] of each head, pictures coarse, and "continue" where it is foretold.

    n: the protocol's draws of one model, or as many shared among the models of an ensemble.
    """
    models, p = [subject.model, *subject.ensemble], subject.protocol
    each = max(1, p.draws // len(models)) if has_chance(subject.model) else 1
    parts = []
    for number, model in enumerate(models):
        state = sitting.state if number == 0 else believe(model, sitting.windows.seen)
        for k in range(each):
            parts.append(_one_future(model, state, sitting, p.seed + 1 + number * each + k))
    return {head: torch.stack([part[head] for part in parts]) for head in parts[0]}


def has_chance(model: WorldModel) -> bool:
    """Whether the model has chance in it at all."""
    return model.noise(1, 1, 0).numel() > 0


def _one_future(model: WorldModel, state: State, sitting: Sitting, seed: int) -> dict[str, Tensor]:
    windows, rulers = sitting.windows, heads_of(sitting)
    rows = len(windows.actions)
    noise = model.noise(rows, windows.horizon, seed)
    generator = torch.Generator().manual_seed(seed)
    heads = [r.head for r in rulers] + ["continue"] * ("continue" in model.heads)
    steps: dict[str, list[Tensor]] = {head: [] for head in heads}
    for h in range(windows.horizon):
        state = model.imagine(state, windows.actions[:, h].to(model.device), noise[:, h])
        said = model.predict(state, heads)
        for ruler in rulers:
            # The head's own doubt is part of the claim, where it has one (a Normal).
            mean = said[ruler.head].mean
            chance = torch.randn(mean.shape, generator=generator).to(mean)
            value = said[ruler.head].sample(chance) if ruler.kind == "vector" else mean
            steps[ruler.head].append(_coarse(ruler, value.cpu()))
        if "continue" in heads:
            steps["continue"].append(said["continue"].mean.cpu())
    return {head: torch.stack(rows, 1) for head, rows in steps.items()}


def _coarse(ruler: Ruler, x: Tensor) -> Tensor:
    """Pictures [M, h, w, c] as a few cells [M, c, 4, 4]: neighbouring pixels say the same."""
    if ruler.kind != "image":
        return x
    return torch.nn.functional.adaptive_avg_pool2d(x.movedim(-1, 1), COARSE)


def claims_of(subject: Subject, sitting: Sitting, drawn: dict[str, Tensor]) -> Claims | str:
    """What is claimed of things, vectors or pictures; or why nothing is."""
    if not has_chance(subject.model) and not subject.ensemble:
        return "the model has no chance in it and stands alone: it claims no uncertainty"
    judged = [r for r in sitting.chief if r.kind != "discrete" and r.head != "reward"]
    if not judged:
        return "the model foretells neither numbers nor pictures"
    draws, truth = [], []
    for ruler in judged:
        future = sitting.windows.future(ruler.head)
        came = torch.stack([_coarse(ruler, x) for x in future.unbind(1)], 1)
        scale = came.flatten(0, 1).double().std(0)
        live = (scale > STILL).flatten()
        scale = scale.flatten()[live]
        truth.append(came.double().flatten(2)[..., live] / scale)
        draws.append(drawn[ruler.head].double().flatten(3)[..., live] / scale)
    windows = sitting.windows
    draws_nMHD, truth_MHD = torch.cat(draws, -1).numpy(), torch.cat(truth, -1).numpy()
    if np.abs(draws_nMHD - truth_MHD).max() < SAME:
        return "every draw is the truth itself: in this world nothing is uncertain"
    return Claims(draws_nMHD, truth_MHD, windows.episodes, subject.protocol.seed)
