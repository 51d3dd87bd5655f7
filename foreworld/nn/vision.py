"""Image encoders and decoders that are cheap on two cores and keep positions sharp.

Space-to-depth comes first, because full-resolution convolutions with few channels are bound by
memory, not arithmetic. The encoder reads its feature map twice: as a grid, and as keypoints::

    [64, 64, 3] -> [16, 16, 48] -> conv, conv -> [16, 16, C] -> strided conv -> flat [8 * 8 * C]
                                               -> spatial softmax -> K keypoints (x, y, strength)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FAINT = -30.0  # logarithm of what is left of a spot far from it


class SpatialSoftmax(nn.Module):
    """Expected position and strength of K feature maps (Finn et al. 2016; Levine et al. 2016)."""

    def __init__(self, channels: int, keypoints: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, keypoints, 1)
        self.temperature = nn.Parameter(torch.full((keypoints, 1), 4.0))
        rows = torch.linspace(-1, 1, grid[0]).repeat_interleave(grid[1])
        columns = torch.linspace(-1, 1, grid[1]).repeat(grid[0])
        self.register_buffer("places", torch.stack([rows, columns], -1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, C, H, W] -> [B, 3 * K]."""
        heat = self.maps(x).flatten(2)  # [B, K, H*W]
        # Each map is put on one scale, so that its softmax has a peak from the first update on.
        contrast = F.layer_norm(heat, heat.shape[-1:], eps=1e-3) * self.temperature
        weights = contrast.softmax(-1)
        expected = weights @ self.get_buffer("places")  # [B, K, 2]
        strength = (weights * heat).sum(-1, keepdim=True).tanh()
        return torch.cat([expected, strength], -1).flatten(1)


class ImageReader(nn.Module):
    """Scaled images [B, H, W, C] -> a glance [B, width], and keypoints [B, 3 * K] where wanted.

    H and W are multiples of 2 * patch.
    """

    def __init__(
        self, shape: tuple[int, ...], width: int, channels: int, keypoints: int, patch: int = 4
    ) -> None:
        super().__init__()
        check_image_shape(shape, 2 * patch)
        height, wide, colours = shape
        grid = (height // patch, wide // patch)
        self.patch = patch
        self.stem = nn.Conv2d(colours * patch * patch, channels, 1)
        self.body = nn.Conv2d(channels, channels, 3, padding=1)
        self.coarse = nn.Conv2d(channels, channels // 2, 3, stride=2, padding=1)
        cells = channels // 2 * grid[0] * grid[1] // 4
        self.glance = nn.Sequential(nn.Linear(cells, width), nn.LayerNorm(width), nn.SiLU())
        self.points = SpatialSoftmax(channels, keypoints, grid) if keypoints else None

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.silu(self.body(F.silu(self.stem(patches(image, self.patch)))))
        glance = self.glance(F.silu(self.coarse(x)).flatten(1))
        if self.points is None:
            return [glance]
        # The glance is turned down beside the keypoints: at full strength its many features
        # drown the few that say where things are, and places are learned three times slower.
        return [0.2 * glance, self.points(x)]


class ImageEncoder(nn.Module):
    """Scaled images [B, H, W, C] -> [B, width]: what an `ImageReader` reads, mixed."""

    def __init__(self, shape: tuple[int, ...], width: int, channels: int, keypoints: int) -> None:
        super().__init__()
        self.read = ImageReader(shape, width // 2, channels, keypoints)
        self.out = nn.Linear(width // 2 + 3 * keypoints, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        return F.silu(self.norm(self.out(torch.cat(self.read(image), -1))))


class Spots(nn.Module):
    """K soft spots on a grid, `SpatialSoftmax` backwards.

    place: makes a row, a column and a strength of each spot, [B, 3 * K], of what it is given.
    """

    def __init__(self, place: nn.Module, keypoints: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.place = place
        rows = torch.linspace(-1, 1, grid[0]).view(-1, 1).expand(grid)
        columns = torch.linspace(-1, 1, grid[1]).view(1, -1).expand(grid)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.cell = 2 / max(grid)  # deviation of a spot at birth
        self.wide = nn.Parameter(torch.zeros(keypoints, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: what `place` takes -> [B, K, H, W]."""
        row, column, strength = self.place(x)[..., None, None].chunk(3, 1)
        rows, columns = self.get_buffer("rows"), self.get_buffer("columns")
        far = (rows - row).square() + (columns - column).square()
        width = self.cell * self.wide.exp()
        # Far from a spot the exponential is so small a number that processors slow down tenfold.
        return strength * torch.exp((-0.5 * far / width.square()).clamp(min=FAINT))


class ImageDecoder(nn.Module):
    """[B, width] -> scaled images [B, H, W, C]; the encoder's mirror.

    place: of `keypoints` spots, see `Spots`; None: read off the vector itself.
    """

    def __init__(
        self,
        width: int,
        shape: tuple[int, ...],
        channels: int,
        keypoints: int = 0,
        place: nn.Module | None = None,
        patch: int = 4,
    ) -> None:
        super().__init__()
        check_image_shape(shape, 2 * patch)
        height, wide, colours = shape
        self.patch = patch
        self.grid = (channels, height // (2 * patch), wide // (2 * patch))
        self.spread = nn.Linear(width, channels * self.grid[1] * self.grid[2])
        self.grow = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        cells = (height // patch, wide // patch)
        if keypoints and place is None:
            place = nn.Linear(width, 3 * keypoints)
        self.spots = Spots(place, keypoints, cells) if place is not None else None
        self.mix = nn.Conv2d(channels + keypoints, 2 * channels, 3, padding=1)
        self.out = nn.Conv2d(2 * channels, colours * patch * patch, 1)

    def forward(self, x: Tensor, where: Tensor | None = None) -> Tensor:
        """x: [B, width]; where: what `place` takes."""
        rough = F.silu(self.spread(x)).unflatten(-1, self.grid)
        maps = F.silu(F.pixel_shuffle(self.grow(rough), 2))
        if self.spots is not None:
            maps = torch.cat([maps, self.spots(x if where is None else where)], 1)
        return F.pixel_shuffle(self.out(F.silu(self.mix(maps))), self.patch).movedim(-3, -1)


def patches(image: Tensor, size: int) -> Tensor:
    """Space-to-depth: [B, H, W, C] -> [B, size * size * C, H / size, W / size].

    Channels stay last in memory, as images come: two passes less than `F.pixel_unshuffle`.
    """
    cells = image.unflatten(1, (-1, size)).unflatten(3, (-1, size)).transpose(2, 3)
    return cells.flatten(3).movedim(-1, 1)


def check_image_shape(shape: tuple[int, ...], multiple: int) -> None:
    """Refuse sizes that space-to-depth can't cut."""
    if len(shape) != 3 or shape[0] % multiple or shape[1] % multiple:
        raise ValueError(
            f"image of shape {list(shape)}: height and width must be multiples of {multiple}; "
            f"resize it when collecting, for example --image-size 64"
        )
