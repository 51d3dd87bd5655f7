"""Scalars of any scale as distributions over bins, and the spaces in which the bins lie evenly.

TwoHot(logits).loss(torch.tensor(3.0))     Dreamer V3 and TD-MPC2: symlog
Support(logits, -30, 30).mean              MuZero: a square root
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def symlog(x: Tensor) -> Tensor:
    """sign(x) ln(1 + |x|): compresses both tails (Hafner et al. 2023, eq. 9)."""
    return torch.sign(x) * torch.log1p(x.abs())


def symexp(x: Tensor) -> Tensor:
    """Inverse of `symlog`."""
    return torch.sign(x) * torch.expm1(x.abs())


def contract(x: Tensor, slope: float = 1e-3) -> Tensor:
    """h(x) = sign(x) (sqrt(|x| + 1) - 1) + slope x (Pohlen et al. 2018; MuZero, appendix F)."""
    return torch.sign(x) * ((x.abs() + 1).sqrt() - 1) + slope * x


def expand(y: Tensor, slope: float = 1e-3) -> Tensor:
    """Inverse of `contract`.

    (sqrt(1 + u) - 1) / 2 slope, written so that no digits cancel: u / (sqrt(1 + u) + 1) / 2 slope.
    """
    inner = y.abs() + 1 + slope
    root = (1 + 4 * slope * inner).sqrt()
    return torch.sign(y) * ((2 * inner / (root + 1)).square() - 1)


@dataclass(frozen=True)
class TwoHot:
    """A scalar as a distribution over bins in symlog space (Hafner et al. 2023, eq. 8-11).

    logits: [..., bins]; the bins lie evenly in [low, high] after symlog. geometric: the mean is
    taken among the bins before they are symexp'd (Hansen et al. 2024): less where the scalar is
    spread, and unmoved by the bins of astronomical numbers while the head is still undecided.
    """

    logits: Tensor
    low: float = -20.0
    high: float = 20.0
    geometric: bool = False

    def _bins(self) -> Tensor:
        steps = self.logits.shape[-1]
        return torch.linspace(self.low, self.high, steps, device=self.logits.device)

    @property
    def mean(self) -> Tensor:
        if self.geometric:
            return symexp((self.logits.softmax(-1) * self._bins()).sum(-1))
        # The expectation is taken between the symexp'd bins. They mirror each other, so that what
        # lies on either side of 0 is set off before it is weighed: a uniform head says exactly 0.
        assert self.low == -self.high, "bins that mirror each other"
        probs = self.logits.softmax(-1)
        half = probs.shape[-1] // 2
        return (probs[..., -half:] - probs[..., :half].flip(-1)) @ symexp(self._bins()[-half:])

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean

    def loss(self, target: Tensor) -> Tensor:
        """Cross entropy with weights on the two bins beside the target, whose average it is."""
        return _two_hot_loss(self.logits, symlog(target.float()), self.low, self.high)


@dataclass(frozen=True)
class Support:
    """A scalar as a distribution over bins in the space of `contract` (MuZero, appendix F).

    logits: [..., bins]; the bins lie evenly in [low, high] there, and the mean is taken there, too.
    """

    logits: Tensor
    low: float
    high: float

    @property
    def mean(self) -> Tensor:
        bins = torch.linspace(self.low, self.high, self.logits.shape[-1], device=self.logits.device)
        return expand(self.logits.softmax(-1) @ bins)

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean

    def loss(self, target: Tensor) -> Tensor:
        """Cross entropy with weights on the two bins beside the target, whose average it is."""
        return _two_hot_loss(self.logits, contract(target.float()), self.low, self.high)


def _two_hot_loss(logits: Tensor, target: Tensor, low: float, high: float) -> Tensor:
    last = logits.shape[-1] - 1
    place = ((target - low) * (last / (high - low))).clamp(0, last)
    lower = place.floor().clamp(max=last - 1)
    index = lower.long().unsqueeze(-1)
    near = logits.gather(-1, torch.cat([index, index + 1], -1))
    logit = torch.lerp(near[..., 0], near[..., 1], (place - lower).to(near.dtype))
    return logits.logsumexp(-1) - logit
