"""The toy world every family is tested on: a dot that goes where the action says.

position'  = clip(position + STEP * action, 0, 1)      reward = x of the position - 0.5

It has a key of every kind: an image, a vector, a class, a sentence, and `far`, a target that
models predict and never see. The sentence means nothing; the rest follows from the position.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.vocab import Batch, Spec

SIZE = 16
STEP = 0.25
MOVES = torch.tensor([[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
WORDS = (b"go on", b"Carry on, dot!")
PLACES = torch.linspace(0, 1, SIZE)


def toy_specs(discrete: bool) -> dict[str, Spec]:
    """discrete: five moves instead of two numbers in [-1, 1]."""
    return {
        "image": Spec((SIZE, SIZE, 3), "uint8", "image"),
        "position": Spec(
            (2,), "float32", "vector", low=0.0, high=1.0, names=("dot.across", "dot.down")
        ),
        "third": Spec((), "int64", "discrete", classes=(3,)),
        "words": Spec((16,), "uint8", "text"),
        "far": Spec((), "float32", "vector", observed=False),
        "action": Spec((), "int64", "discrete", classes=(5,))
        if discrete
        else Spec((2,), "float32", "vector", low=-1.0, high=1.0),
    }


def windows(
    num: int,
    length: int,
    seed: int,
    discrete: bool = False,
    seams: float = 0.0,
    actions: Tensor | None = None,
) -> Batch:
    """[num, length] rows of random play; the first is always `is_first`.

    seams: how likely any other row begins a new episode. actions: [num, length, ...] to take
    instead of random ones, from the same start as any other window with this seed.
    """
    rng = torch.Generator().manual_seed(seed)
    starts = torch.rand(num, length, 2, generator=rng)
    first = torch.rand(num, length, generator=rng) < seams
    first[:, 0] = True
    random = torch.randint(5, (num, length), generator=rng) if discrete else None
    if random is None:
        random = 2 * torch.rand(num, length, 2, generator=rng) - 1
    action = random if actions is None else actions
    position = _play(starts, first, MOVES[action] if discrete else action)
    return _rows(position, first, action, torch.rand(num, 1, generator=rng) < 0.5)


def _play(starts: Tensor, first: Tensor, moves: Tensor) -> Tensor:
    positions = [starts[:, 0]]
    for t in range(1, starts.shape[1]):
        moved = (positions[-1] + STEP * moves[:, t - 1]).clamp(0, 1)
        positions.append(torch.where(first[:, t, None], starts[:, t], moved))
    return torch.stack(positions, 1)


def _rows(position: Tensor, first: Tensor, action: Tensor, said: Tensor) -> dict[str, Tensor]:
    last = torch.cat([first[:, 1:], torch.zeros_like(first[:, :1])], 1)
    words = [torch.tensor(list(word.ljust(16, b"\0")), dtype=torch.uint8) for word in WORDS]
    return {
        "image": draw(position),
        "position": position,
        "third": (3 * position[..., 0]).long().clamp(max=2),
        "words": torch.where(said[..., None], *words).expand(*first.shape, 16).contiguous(),
        "far": (position - 0.5).norm(dim=-1),
        "action": action,
        "reward": torch.where(first, 0.0, position[..., 0] - 0.5),
        "is_first": first,
        "is_last": last,
        "is_terminal": last & (position[..., 0] > 0.5),
    }


def draw(position: Tensor) -> Tensor:
    """The dot on a shaded floor: positions [..., 2] -> uint8 [..., SIZE, SIZE, 3]."""
    across = (-((PLACES - position[..., :1]) ** 2) / 0.02).exp()
    down = (-((PLACES - position[..., 1:]) ** 2) / 0.02).exp()
    dot = down[..., :, None] * across[..., None, :]
    floor = 40 + 40 * PLACES.expand(SIZE, SIZE)
    colours = torch.stack([floor + 170 * dot, floor + 0 * dot, 80 - 60 * dot], -1)
    return colours.to(torch.uint8)


class ToySampler:
    """Batches of 128 rows, in windows of 8 or as the training loop asks."""

    def __init__(self, discrete: bool, seed: int = 1) -> None:
        self.pool = windows(64, 64, seed, discrete, seams=0.1)
        self.rng = np.random.default_rng(seed)

    def sample(
        self, length: int | None = None, keys: Sequence[str] | None = None, times: int = 1
    ) -> Batch:
        length = length or 8
        num = max(1, times * 128 // length)
        row = torch.from_numpy(self.rng.integers(64, size=(num, 1)))
        start = torch.from_numpy(self.rng.integers(65 - length, size=(num, 1)))
        time = start + torch.arange(length)
        return {key: value[row, time] for key, value in self.pool.items()}

    def state(self) -> dict[str, Any]:
        return dict(self.rng.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = dict(state)
