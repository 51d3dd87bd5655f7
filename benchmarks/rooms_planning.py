"""What planning to a goal could reach in the rooms at best: by a model that knows everything.

    python benchmarks/rooms_planning.py --episodes 200
    fixed 100 % [98 %, 100 %]   random wall ...   written to benchmarks/results/rooms_planning.json

The oracle sees `facts`, imagines with the true laws, and its features are the dot's place: that is
as good as features get in which near means near as the crow flies. It is what the defaults of
`foreworld evaluate --judge goal` were chosen with, on other starts than those measured here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.outputs import Mse
from foreworld.vocab import Batch, Loss, WorldModel
from foreworld.worlds.rooms_physics import HALF, RADIUS, STEP


class Known(NamedTuple):
    """The dot's place, and the four facts about the wall."""

    place: Tensor  # [B, 2]
    wall: Tensor  # [B, 4]
    action: Tensor  # [B, 2]


class Oracle(WorldModel):
    """The laws of the rooms for dots of the usual size and speed."""

    Config = object
    heads = ("facts",)

    def __init__(self, specs) -> None:
        super().__init__()
        facts = specs["facts"]
        self.specs = {
            "action": specs["action"],
            "facts": facts.__class__(facts.shape, "float32", "vector"),
        }
        self.nothing = nn.Parameter(torch.zeros(0))

    def initial(self, batch_size: int) -> Known:
        return Known(*(torch.zeros(batch_size, n) for n in (2, 4, 2)))

    def observe(self, state: Known, batch: Batch) -> Known:
        facts = batch["facts"][:, -1]
        return Known(facts[:, :2], facts[:, 2:], batch["action"][:, -1])

    def imagine(self, state: Known, action: Tensor, noise: Tensor | None = None) -> Known:
        place = moved(state.place, STEP * action.clamp(-1, 1), blocks(state.wall))
        return Known(place, state.wall, torch.zeros_like(action))

    def predict(self, state: Known, heads=None):
        return {"facts": Mse(torch.cat([state.place, state.wall], -1), 1)}

    def features(self, state: Known) -> Tensor:
        return state.place

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError("there is nothing left to learn")

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0)


def blocks(wall: Tensor) -> Tensor:
    """Where the dot's centre cannot be, for walls [B, 4]: low and high corners [B, 6, 2, 2]."""
    x, width, y, door = wall.unbind(-1)
    half, inf = torch.full_like(x, HALF - RADIUS), torch.full_like(x, torch.inf)
    left, right = x - width / 2 - RADIUS, x + width / 2 + RADIUS
    bottom, top = y - door / 2 + RADIUS, y + door / 2 - RADIUS
    corners = [
        (-inf, -inf, -half, inf),
        (half, -inf, inf, inf),
        (-inf, -inf, inf, -half),
        (-inf, half, inf, inf),
        (left, -inf, right, bottom),
        (left, top, right, inf),
    ]
    return torch.stack([torch.stack(c, -1) for c in corners], 1).unflatten(-1, (2, 2))


def moved(place: Tensor, motion: Tensor, walls: Tensor) -> Tensor:
    """Places [B, 2] after motions [B, 2] that slide along walls [B, 6, 2, 2]."""
    for _ in range(2):
        share, axis, face = contact(place, motion, walls)
        met = axis[:, None] == torch.arange(2)
        place = torch.where(met, face[:, None], place + share[:, None] * motion)
        motion = torch.where(met, 0.0, (1 - share)[:, None] * motion)
    return place


def contact(place: Tensor, motion: Tensor, walls: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """After which share [B] a wall is met, across which axis [B] (2: none), and where [B]."""
    low, high = walls.unbind(2)  # [B, 6, 2]
    p, v = place[:, None], motion[:, None]
    still, inside = v == 0, (low < p) & (p < high)
    ends = torch.stack([(low - p) / v, (high - p) / v])
    enter = torch.where(still, torch.where(inside, -torch.inf, torch.inf), ends.amin(0))
    leave = torch.where(still, torch.where(inside, torch.inf, -torch.inf), ends.amax(0))
    when, axis = enter.max(-1)  # [B, 6]
    meets = (when >= -1e-4) & (when < leave.amin(-1)) & (when < 1)  # float32: just inside counts
    share, which = torch.where(meets, when, torch.inf).min(-1)
    axis = axis.gather(1, which[:, None])
    face = torch.where(v > 0, low, high).gather(1, which[:, None, None].expand(-1, 1, 2))[:, 0]
    face = face.gather(1, axis)[:, 0]
    none = share.isinf()
    return share.clamp(0, 1).masked_fill(none, 1.0), axis[:, 0].masked_fill(none, 2), face
