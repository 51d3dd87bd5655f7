"""What is normal for each key: running mean and deviation, learned from the batches of training.

An image minus its mean is what moves. Without this the unmoving background is nine tenths of every
feature, and a recurrent model spends its first thousand updates not looking (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from foreworld.vocab import PRESENT, Spec

SLOWEST = 1e-3  # weight of a new batch once many were seen: scales drift, they do not jump

SETTLED, SELDOM = 20, 10  # batches after which an image's scale learns from every tenth only


class Scale(nn.Module):
    """Mean [shape] of one key, and the deviation of each number, or of all pixels of an image."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.image = spec.kind == "image"
        self.register_buffer("mean", torch.full(spec.shape, 0.5 if self.image else 0.0))
        self.register_buffer("variance", torch.ones(()) if self.image else torch.ones(spec.shape))
        self.register_buffer("count", torch.zeros(()))

    mean: Tensor
    variance: Tensor
    count: Tensor

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Move towards a batch [B, T, ...]; exactly its statistics the first time."""
        self.check(x)
        self.count += 1
        if self.image and self.count > SETTLED and self.count % SELDOM:
            return  # looking at all pixels again would cost as much as reading them
        flat = as_float(x).flatten(0, 1)
        weight = (1 / self.count).clamp(min=SLOWEST)
        self.mean += weight * (flat.mean(0) - self.mean)
        square = (flat - self.mean).square()
        self.variance += weight * (
            (square.mean() if self.image else square.mean(0)) - self.variance
        )

    def check(self, x: Tensor) -> None:
        """Numbers of another width would be stretched to this one, and nobody would notice."""
        width = self.mean.shape
        if len(width) and x.shape[-len(width) :] != width:
            raise ValueError(f"a value of shape {tuple(x.shape)} for statistics of {tuple(width)}")

    @property
    def varies(self) -> Tensor:
        """Which numbers ever changed."""
        return self.variance > 1e-8

    @property
    def std(self) -> Tensor:
        """A number that never changed counts as one unit wide."""
        return torch.where(self.varies, self.variance, 1.0).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        """In the world's units -> around 0, in deviations. Raises ValueError for other widths."""
        self.check(x)
        if x.dtype != torch.uint8:
            return (as_float(x) - self.mean) / self.std
        # One pass over the pixels instead of three.
        return torch.addcmul(-self.mean / self.std, x.float(), 1 / (255 * self.std))


class Scales(nn.Module):
    """A `Scale` for every key that is an image or a vector; other kinds pass through."""

    def __init__(self, specs: Mapping[str, Spec]) -> None:
        super().__init__()
        kinds = ("image", "vector")
        self.parts = nn.ModuleDict({safe(k): Scale(s) for k, s in specs.items() if s.kind in kinds})
        self.plain = frozenset(k for k, s in specs.items() if s.kind not in kinds)

    def __getitem__(self, key: str) -> Scale:
        part = self.parts[safe(key)]
        assert isinstance(part, Scale)
        return part

    def get(self, key: str) -> Scale | None:
        """The scale of a key, None for kinds that have none."""
        return self[key] if safe(key) in self.parts else None

    def update(self, batch: Mapping[str, Tensor]) -> None:
        """Learn from a batch [B, T, ...]; a model in eval mode stays as it is."""
        if not self.training:
            return
        for key, value in batch.items():
            if safe(key) in self.parts:
                there = batch.get(PRESENT + key)  # what was not recorded is no zero
                if there is None or bool(there.any()):
                    self[key].update(value if there is None else value[there].unsqueeze(1))

    def forward(self, batch: Mapping[str, Tensor], keys: Iterable[str]) -> dict[str, Tensor]:
        """What has a scale is scaled. Raises ValueError for a key whose statistics are missing."""
        scaled = {}
        for key in keys:
            if safe(key) not in self.parts and key not in self.plain:
                raise ValueError(f"no statistics of key {key!r}: the model was built without it")
            scaled[key] = self[key](batch[key]) if safe(key) in self.parts else batch[key]
        return scaled


def as_float(x: Tensor) -> Tensor:
    """Bytes -> [0, 1]; anything else as float32."""
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()


def safe(key: str) -> str:
    """Module names may hold neither dots nor slashes, nor shadow a method of ModuleDict."""
    return "key_" + key.replace(".", "_").replace("/", "__")
