"""How `slots` reads frames, and draws them: one row a thing on both sides.

image ─ keypoints ─┐ linear: places stay sharp          slots ─ spots where things are ─┐
vectors ───────────┼────────────────▶ seen [N, Z]         └──── glance ────────────────┴▶ image
image ─ glance ────┘ mlp: everything else
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from foreworld.families.codec import TAIL, CodecConfig, one_hot, seen_keys
from foreworld.families.scales import Scale, safe
from foreworld.families.things import Things
from foreworld.nn.mlp import BlockLinear, mlp
from foreworld.nn.vision import ImageDecoder, ImageReader
from foreworld.outputs import Mse, Normal
from foreworld.vocab import Spec, Specs

EACH = 12  # spots that draw one slot
NARROW = 0.4  # cells: spots need not find their things, so they are born as small as these
FOLLOWS = 0.8  # share of a keypoint's motion that a thing explains, if the keypoint follows it


class SlotReader(nn.Module):
    """Everything seen at one instant -> slots [B, N, Z]."""

    def __init__(self, specs: Specs, config: CodecConfig, lead: tuple[int, int]) -> None:
        super().__init__()
        self.keys = seen_keys(specs)
        self.specs = {k: specs[k] for k in self.keys}
        self.lead = lead
        images = [k for k in self.keys if specs[k].kind == "image"]
        plain = sum(specs[k].width for k in self.keys if k not in images)
        glance = config.embed // 2
        self.images = nn.ModuleDict(
            {
                safe(k): ImageReader(specs[k].shape, glance, config.channels, config.keypoints)
                for k in images
            }
        )
        sharp = plain + 3 * config.keypoints * len(images)
        self.places = nn.Linear(sharp, math.prod(lead))
        self.rest = mlp(sharp + glance * len(images), math.prod(lead), config.hidden, 1)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Scaled tensors [B, ...] -> slots [B, N, Z], and each image's keypoints [B, K, 3]."""
        glances: list[Tensor] = []
        sharp: list[Tensor] = []
        keypoints: dict[str, Tensor] = {}
        for key in self.keys:
            if safe(key) in self.images:
                glance, *points = self.images[safe(key)](batch[key])
                glances.append(glance)
                if points:
                    keypoints[key] = points[0].unflatten(-1, (-1, 3))
                sharp += points
            else:
                sharp.append(self._plain(self.specs[key], batch[key]))
        some = torch.cat(sharp, -1)
        said = self.places(some) + 0.3 * self.rest(torch.cat([some, *glances], -1))
        return said.unflatten(-1, self.lead), keypoints

    @staticmethod
    def _plain(spec: Spec, x: Tensor) -> Tensor:
        if spec.classes:
            return one_hot(x, spec.classes, scalar=not spec.shape)
        return x.flatten(1) if spec.shape else x.unsqueeze(-1)


class TableHead(nn.Module):
    """The named numbers as the slots hold them, with a learned deviation for each column."""

    def __init__(self, things: Things, config: CodecConfig) -> None:
        super().__init__()
        self.things = things
        self.min_std = config.min_std
        self.log_std = nn.Parameter(torch.zeros(len(things.columns)))

    def forward(self, slots: Tensor, scale: Scale) -> Normal:
        mean = self.things.read(slots, scale)
        std = (10 * self.log_std).clamp(math.log(self.min_std), 3.0).exp()
        _, spread = self.things.unit(scale)
        spread = (spread * std[self.things.column]).unflatten(-1, self.things.shape)
        return Normal(mean, spread.expand_as(mean), len(self.things.shape), TAIL)


class Camera(nn.Module):
    """Where in the picture a slot's thing is: slots [..., N, V] -> row and column in [-1, 1].

    Found, not trained: spots are tight, and from far off no gradient leads them to their things.
    Some keypoint follows each thing, and least squares say which, and how. Born with the first two
    columns as row and column, which is what slots without named numbers make of them.
    """

    def __init__(self, common: Sequence[int]) -> None:
        super().__init__()
        self.common = list(common)
        self.register_buffer("matrix", torch.eye(len(self.common) + 1, 2))

    matrix: Tensor  # [columns + 1, 2], the last row is an offset

    def forward(self, slots: Tensor) -> Tensor:
        return slots[..., self.common] @ self.matrix[:-1] + self.matrix[-1]

    @torch.no_grad()
    def find(self, slots: Tensor, keypoints: Tensor) -> None:
        """Learn from frames [B]: true slots [B, N, V] and the keypoints read there [B, K, 3]."""
        where = slots[..., self.common].transpose(0, 1)  # [N, B, columns]
        given = torch.cat([where, torch.ones_like(where[..., :1])], -1)
        rows_columns = keypoints[..., :2].flatten(1)  # [B, K * 2]
        fit = torch.linalg.pinv(given) @ rows_columns  # [N, columns + 1, K * 2]
        miss = (rows_columns - given @ fit).var(1) / rows_columns.var(0).clamp(min=1e-8)
        explained = 1 - miss.unflatten(-1, (-1, 2)).mean(-1)  # [N, K]
        known, which = explained.max(1)
        good = known > FOLLOWS
        if bool(good.any()):
            chosen = fit.unflatten(-1, (-1, 2))[torch.arange(len(fit)), :, which]
            self.matrix.lerp_(chosen[good].median(0).values, 0.1)


class Around(nn.Module):
    """Slots [B, N, Z] -> spots around where they are in the picture, [B, 3 * K]."""

    def __init__(self, count: int, width: int, common: Sequence[int], each: int) -> None:
        super().__init__()
        self.camera = Camera(common)
        self.around = BlockLinear(count * width, count * each * 3, count)
        self.spread = nn.Parameter(0.05 * torch.randn(count, each, 2))
        self.strength = nn.Parameter(torch.randn(count, each))
        with torch.no_grad():
            self.around.weight.mul_(0.1)

    def forward(self, slots: Tensor) -> Tensor:
        around = self.around(slots.flatten(1)).unflatten(-1, (*self.strength.shape, 3))
        place = self.camera(slots).unsqueeze(2) + self.spread + 0.3 * around[..., :2]
        strength = self.strength + around[..., 2]
        return torch.cat([place[..., 0], place[..., 1], strength], 1).flatten(1)


class SlotImage(nn.Module):
    """The expected image, in [0, 1]: every slot places spots of its own."""

    def __init__(
        self, spec: Spec, shape: tuple[int, int, int], common: Sequence[int], config: CodecConfig
    ) -> None:
        super().__init__()
        count, numbers, looks = shape
        self.weight = 0.5 / config.image_scale**2
        each = EACH if config.keypoints else 0
        self.around = Around(count, numbers + looks, common, each) if each else None
        self.glance = mlp(count * (numbers + looks), None, config.hidden, 1)
        self.draw = ImageDecoder(
            config.hidden, spec.shape, config.channels, each * count, self.around
        )
        if self.draw.spots is not None:
            nn.init.constant_(self.draw.spots.wide, math.log(NARROW))

    def find(self, slots: Tensor, keypoints: Tensor) -> None:
        """Find the camera; see there."""
        if self.around is not None:
            self.around.camera.find(slots, keypoints)

    def forward(self, slots: Tensor, looks: Tensor, scale: Scale) -> Mse:
        both = torch.cat([slots, looks], -1)
        image = self.draw(self.glance(both.flatten(1)), both)
        return Mse(scale.mean + scale.std * image, event_dims=3, weight=self.weight)
