"""Images as tokens: a transformer over patches (ViT, Dosovitskiy et al. 2021).

    [B, H, W, C] -> patches [B, P, width] + places -> blocks -> tokens [B, P, width]

`tokens` and `forward` are apart, so that masked training can leave tokens out between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.nn.attention import Block
from foreworld.nn.vision import check_image_shape, patches


@dataclass(frozen=True)
class PatchesConfig:
    size: int = 8  # pixels on a side of a patch
    width: int = 64  # of the tokens
    depth: int = 2  # blocks
    heads: int = 4  # of the attention


class PatchEncoder(nn.Module):
    """Scaled images -> tokens; places in the picture and in time are sines and cosines."""

    def __init__(self, shape: tuple[int, ...], config: PatchesConfig) -> None:
        super().__init__()
        c = config
        check_image_shape(shape, c.size)
        self.size, self.width = c.size, c.width
        self.grid = (shape[0] // c.size, shape[1] // c.size)
        self.embed = nn.Linear(shape[2] * c.size * c.size, c.width)
        self.blocks = nn.ModuleList(Block(c.width, c.heads) for _ in range(c.depth))
        self.norm = nn.LayerNorm(c.width)
        self.register_buffer("places", picture_places(self.grid, c.width), persistent=False)

    def where(self, frames: int = 1) -> Tensor:
        """What is added to the patches of so many frames, [frames * P, width]."""
        places = self.get_buffer("places")
        if frames == 1:
            return places
        when = sinusoids(torch.arange(frames, device=places.device), places.shape[-1])
        return (places + when.unsqueeze(1)).flatten(0, 1)

    def tokens(self, images: Tensor) -> Tensor:
        """[B, H, W, C] or [B, T, H, W, C] -> [B, P, width] or [B, T * P, width], not yet mixed."""
        frames = images.shape[1] if images.ndim == 5 else 1
        cells = patches(images.flatten(0, -4), self.size)
        x = self.embed(cells.flatten(2).transpose(1, 2))
        return x.reshape(len(images), -1, x.shape[-1]) + self.where(frames)

    def forward(self, tokens: Tensor) -> Tensor:
        """Any subset of tokens [B, N, width] -> [B, N, width]."""
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class PatchReader(nn.Module):
    """Scaled images [B, H, W, C] -> [B, width]: the mean token, mixed."""

    def __init__(self, encoder: PatchEncoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.out = nn.Linear(encoder.width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.encoder(self.encoder.tokens(image))
        return F.silu(self.norm(self.out(tokens.mean(1))))


def picture_places(grid: tuple[int, int], width: int) -> Tensor:
    """[rows * columns, width]: half of the numbers say the row, half the column."""
    rows = sinusoids(torch.arange(grid[0]), width // 2).repeat_interleave(grid[1], 0)
    columns = sinusoids(torch.arange(grid[1]), width - width // 2).repeat(grid[0], 1)
    return torch.cat([rows, columns], -1)


def sinusoids(place: Tensor, width: int) -> Tensor:
    """Places [N] -> [N, width] sines and cosines of wavelengths from 1 to 10,000 (x 2 pi)."""
    rate = 1e4 ** (-torch.arange(0, width, 2, device=place.device) / width)
    angle = place.unsqueeze(-1) * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)[..., :width]
