"""How embeddings spread: variance and covariance as losses (VICReg), and the effective rank."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from foreworld.nn.processes import mean_over_processes

STILL = 1e-3  # deviations below this are numerical noise, not spread


def covariance(x: Tensor) -> Tensor:
    """Of embeddings [..., N, E] over the rows of all processes -> [..., E, E]."""
    centred = x - mean_over_processes(x.mean(-2, keepdim=True))
    return mean_over_processes(centred.mT @ centred / x.shape[-2])


def variance_loss(covariance: Tensor, target: float = 1.0) -> Tensor:
    """Mean over dimensions of how much each deviation lacks to `target` (Bardes et al. 2022)."""
    deviation = (covariance.diagonal(dim1=-2, dim2=-1) + 1e-4).sqrt()
    return F.relu(target - deviation).mean(-1)


def covariance_loss(covariance: Tensor) -> Tensor:
    """Sum of squared entries off the diagonal, for each dimension (Bardes et al. 2022)."""
    off = covariance - torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
    return off.square().sum((-2, -1)) / covariance.shape[-1]


def effective_rank(x: Tensor) -> Tensor:
    """exp(entropy of the normalised singular values) of centred rows [N, E] (RankMe, Garrido 2023).

    Rows that are all the same have rank 1, whatever their rounding errors look like.
    """
    centred = x.float() - x.float().mean(0)
    values = torch.linalg.svdvals(centred)
    if values.square().sum() / len(x) < STILL**2:
        return torch.ones((), device=x.device)
    share = values / values.sum()
    return torch.exp(-torch.special.xlogy(share, share).sum())
