"""What must have been done between two instants, and what comes of it: a latent action.

    before, after ─▶ inverse ─▶ u ─ nearest code ─▶ c        (a few bits)
                              before, c ─▶ forward ─▶ after

`Pictures` sees motion: convolutions over the instants side by side, then the largest and the mean
response anywhere, and the ways between pairs of keypoints (Finn et al. 2016), so that what is done
means the same wherever it is done. Its forward half draws
the whole next picture without a way to copy: a copy is so nearly right that codes would be left
alone. `Numbers` is the same for vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import seen_keys
from foreworld.families.scales import Scales, safe
from foreworld.nn.mlp import mlp
from foreworld.nn.vision import SpatialSoftmax, check_image_shape, patches
from foreworld.vocab import Specs

CHANGED = 0.05  # of the range of a pixel: less is noise of a camera, or of a codec
PATCH = 4  # pixels
WAYS = 16  # between two keypoints each
FAR = 4.0  # what moves in a step moves by little of a picture, whose side is 2


class Steps(NamedTuple):
    """N steps of a batch: into row `t` of window `row`, from the instants before it."""

    row: Tensor  # [N]
    t: Tensor  # [N]
    before: Mapping[str, Tensor]  # scaled, by key [N, past, ...]
    after: Mapping[str, Tensor]  # [N, ...]


class Told(nn.Module):
    """A convolution whose maps are scaled and shifted by a code (FiLM, Perez et al. 2018)."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.see = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(1, channels)
        self.tell = nn.Linear(code, 2 * channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x: [N, channels, H, W], code: [N, C] -> [N, channels, H, W]."""
        scale, shift = self.tell(code)[..., None, None].chunk(2, 1)
        return F.silu(self.norm(self.see(x)) * (1 + scale) + shift)


class Pictures(nn.Module):
    """Both halves for scaled images, `past` before and one after; sides are multiples of 4."""

    def __init__(self, shape: tuple[int, ...], past: int, channels: int, code: int) -> None:
        super().__init__()
        check_image_shape(shape, PATCH)
        colours = shape[-1] * PATCH * PATCH
        self.stem = nn.Conv2d(colours * (past + 1), channels, 1)
        self.near = nn.Conv2d(channels, channels, 3, padding=1)
        self.motion = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        cells = (shape[0] // PATCH, shape[1] // PATCH)
        self.points = SpatialSoftmax(2 * channels, 2 * WAYS, cells)
        self.width = 4 * channels + 2 * WAYS
        self.scene = nn.Conv2d(colours * past, channels, 1)
        self.first, self.second = Told(channels, code), Told(channels, code)
        self.draw = nn.Conv2d(channels, colours, 1)

    def read(self, before: Tensor, after: Tensor) -> Tensor:
        """before: [N, past, H, W, C], after: [N, H, W, C] -> [N, width]."""
        stacked = torch.cat([*before.unbind(1), after - before[:, -1]], -1)
        x = F.silu(self.near(F.silu(self.stem(patches(stacked, PATCH)))))
        x = F.silu(self.motion(x))
        here, there = self.points(x).unflatten(-1, (2, WAYS, 3))[..., :2].unbind(1)
        ways = FAR * (there - here).flatten(1)
        return torch.cat([x.amax((2, 3)), x.mean((2, 3)), ways], -1)

    def tell(self, before: Tensor, code: Tensor) -> Tensor:
        """What comes of the code [N, C]: [N, H, W, C]."""
        x = F.silu(self.scene(patches(torch.cat(before.unbind(1), -1), PATCH)))
        x = self.draw(self.second(self.first(x, code), code))
        return F.pixel_shuffle(x, PATCH).movedim(1, -1)


class Numbers(nn.Module):
    """Both halves for scaled vectors."""

    def __init__(self, size: int, past: int, width: int, code: int) -> None:
        super().__init__()
        self.width = width
        self.inward = mlp(size * (past + 1), None, width, 1)
        self.outward = mlp(size * past + code, size, width, 2)

    def read(self, before: Tensor, after: Tensor) -> Tensor:
        """before: [N, past, ...], after: [N, ...] -> [N, width]."""
        change = (after - before[:, -1]).flatten(1)
        return self.inward(torch.cat([before.flatten(1), change], -1))

    def tell(self, before: Tensor, code: Tensor) -> Tensor:
        """What comes of the code [N, C]: [N, ...]."""
        x = self.outward(torch.cat([before.flatten(1), code], -1))
        return x.view(before.shape[0], *before.shape[2:])


class Finder(nn.Module):
    """Finds the action in what is seen before and after it, all seen images and vectors at once."""

    def __init__(self, specs: Specs, past: int, channels: int, hidden: int, code: int) -> None:
        super().__init__()
        self.keys = [k for k in seen_keys(specs) if specs[k].kind in ("image", "vector")]
        if not self.keys:
            raise ValueError("no image and no vector to find actions in; other keys do not move")
        self.images = [k for k in self.keys if specs[k].kind == "image"]
        parts = {}
        for key in self.keys:
            spec = specs[key]
            image = key in self.images
            size = (spec.shape, past, channels) if image else (spec.width, past, hidden)
            parts[safe(key)] = (Pictures if image else Numbers)(*size, code)  # type: ignore[arg-type]
        self.parts = nn.ModuleDict(parts)
        inputs = sum(p.width for p in parts.values())
        self.name = mlp(inputs, code, hidden, 2)
        self.spread = nn.BatchNorm1d(code, affine=False)

    def said(self, steps: Steps, learning: bool = False) -> Tensor:
        """What must have been done: unit vectors [N, C].

        Steps look alike at first, and one code would have them all. What little sets them apart
        in a batch is blown up to fill the sphere, while this is learned; later as it was then.
        """
        pairs = zip(self.keys, steps.before.values(), steps.after.values(), strict=True)
        read = [self._part(k).read(before, after) for k, before, after in pairs]
        said = self.name(torch.cat(read, -1))
        mean, variance = self.spread.running_mean, self.spread.running_var
        return F.normalize(F.batch_norm(said, mean, variance, training=learning), dim=-1)

    def tell(self, before: Mapping[str, Tensor], code: Tensor) -> dict[str, Tensor]:
        """What comes of the codes [N, C], scaled, by key: [N, ...]."""
        return {k: self._part(k).tell(before[k], code) for k in self.keys}

    def missed(
        self, told: Mapping[str, Tensor], steps: Steps, changes: float, scales: Scales
    ) -> Tensor:
        """Squared error of what was told, summed over keys [N]; changed pixels count more."""
        total = []
        for key in self.keys:
            after, before = steps.after[key], steps.before[key][:, -1]
            error = (told[key] - after).square()
            if key in self.images:
                moved = (after - before).abs().amax(-1, keepdim=True)
                error = error * (1 + changes * (scales[key].std * moved > CHANGED))
            total.append(error.flatten(1).mean(-1))
        return torch.stack(total).sum(0)

    def _part(self, key: str) -> Pictures | Numbers:
        part = self.parts[safe(key)]
        assert isinstance(part, (Pictures, Numbers))
        return part
