"""How `slots` reads frames, and draws them: one row a thing on both sides.

image ─ keypoints ─┐ linear: places stay sharp          slots ─ spots where things are ─┐
vectors ───────────┼────────────────▶ seen [N, Z]         └──── glance ────────────────┴▶ image
image ─ glance ────┘ mlp: everything else
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from foreworld.families.codec import TAIL, CodecConfig, one_hot
from foreworld.families.scales import Scale, safe
from foreworld.families.things import Things
from foreworld.nn.mlp import BlockLinear, mlp
from foreworld.nn.text import TextEncoder
from foreworld.nn.vision import ImageDecoder, ImageReader
from foreworld.outputs import Mse, Normal
from foreworld.vocab import Spec, Specs, observation_keys


class SlotReader(nn.Module):
    """Everything seen at one instant -> slots [B, N, Z]; instructions -> context [B, C]."""

    def __init__(self, specs: Specs, config: CodecConfig, lead: tuple[int, int]) -> None:
        super().__init__()
        self.keys = [k for k in observation_keys(specs) if specs[k].kind != "text"]
        self.texts = [k for k in observation_keys(specs) if specs[k].kind == "text"]
        if not self.keys:
            raise ValueError(
                "nothing to see: the world has no observed image, vector or discrete key"
            )
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
        self.words = nn.ModuleDict({safe(k): TextEncoder(config.context) for k in self.texts})
        self.context_size = config.context * len(self.texts)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Scaled tensors [B, ...] -> [B, N, Z]; numbers without a name lie in [-1, 1]."""
        glances, sharp = [], []
        for key in self.keys:
            if safe(key) in self.images:
                glance, *points = self.images[safe(key)](batch[key])
                glances.append(glance)
                sharp += points
            else:
                sharp.append(self._plain(self.specs[key], batch[key]))
        some = torch.cat(sharp, -1)
        said = self.places(some) + 0.3 * self.rest(torch.cat([some, *glances], -1))
        return said.unflatten(-1, self.lead)

    def context(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Instructions [B, ...] -> [B, C]; no columns where the world has no words."""
        if not self.texts:
            first = batch[self.keys[0]]
            return torch.zeros(len(first), 0, device=first.device)
        return torch.cat([self.words[safe(k)](batch[k]) for k in self.texts], -1)

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


class SlotImage(nn.Module):
    """The expected image, in [0, 1]: every slot places spots of its own."""

    def __init__(
        self, spec: Spec, shape: tuple[int, int, int], named: bool, config: CodecConfig
    ) -> None:
        super().__init__()
        count, numbers, looks = shape
        self.named = named
        self.weight = 0.5 / config.image_scale**2
        each = max(1, config.keypoints // count)
        flat = count * (numbers + looks)
        place = BlockLinear(flat, 3 * each * count, count) if config.keypoints else None
        spots = each * count if config.keypoints else 0
        self.glance = mlp(flat, None, config.hidden, 1)
        self.draw = ImageDecoder(config.hidden, spec.shape, config.channels, spots, place)

    def forward(self, slots: Tensor, looks: Tensor, scale: Scale) -> Mse:
        # Named numbers are taught by name; the picture would only pull them off.
        flat = torch.cat([slots.detach() if self.named else slots, looks], -1).flatten(-2)
        image = self.draw(self.glance(flat), flat)
        return Mse(scale.mean + scale.std * image, event_dims=3, weight=self.weight)
