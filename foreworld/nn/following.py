"""What follows slowly: a copy of weights that lags behind, and the spread of returns so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, rate: float) -> None:
    """Move the weights of `slow` a little towards those of `fast`."""
    for behind, ahead in zip(slow.parameters(), fast.parameters(), strict=True):
        behind.lerp_(ahead, rate)


class Spread(nn.Module):
    """How far returns lie apart: 5th to 95th percentile, followed slowly.

    Never below 1, so that small returns are not blown up (Hafner et al. 2023, eq. 12).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("range", torch.zeros(2))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def update(self, returns: Tensor) -> Tensor:
        """Move towards these returns; the width then."""
        ends = torch.quantile(returns, torch.tensor([0.05, 0.95], device=returns.device))
        count, now = self.get_buffer("count"), self.get_buffer("range")
        count += 1
        now += (1 / count).clamp(min=self.rate) * (ends - now)
        return self.width

    @property
    def width(self) -> Tensor:
        low, high = self.get_buffer("range")
        return (high - low).clamp(min=1.0)
