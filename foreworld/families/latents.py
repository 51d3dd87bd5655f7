"""The stochastic part of a recurrent state: diagonal Gaussians or a bundle of categoricals.

Both speak the same words: `parameters` numbers describe a distribution, `size` numbers are one
draw from it, `chance` standard normal numbers are the noise that a draw consumes (None: the mode).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class GaussianLatent:
    """Diagonal Gaussians (PlaNet, Dreamer V1)."""

    size: int
    min_std: float

    @property
    def parameters(self) -> int:
        return 2 * self.size

    @property
    def chance(self) -> int:
        return self.size

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = parameters.chunk(2, -1)
        # Born narrow (0.13): a wide posterior hides its mean in noise, and teaches nothing.
        return mean, F.softplus(raw - 2) + self.min_std

    def draw(self, parameters: Tensor, noise: Tensor | None) -> Tensor:
        """[..., parameters] -> [..., size]; gradients flow through (reparametrised)."""
        mean, std = self._split(parameters)
        return mean if noise is None else mean + std * noise

    def kl(self, p: Tensor, q: Tensor) -> Tensor:
        """KL(p || q) in nats, [..., parameters] twice -> [...]."""
        (mean_p, std_p), (mean_q, std_q) = self._split(p), self._split(q)
        ratio = (std_p / std_q).square()
        return 0.5 * (ratio + ((mean_p - mean_q) / std_q).square() - 1 - ratio.log()).sum(-1)


@dataclass(frozen=True)
class CategoricalLatent:
    """`variables` one-hot draws of `classes` values each, straight-through (Dreamer V2, V3)."""

    variables: int
    classes: int
    unimix: float

    @property
    def parameters(self) -> int:
        return self.variables * self.classes

    @property
    def size(self) -> int:
        return self.variables * self.classes

    @property
    def chance(self) -> int:
        return self.variables

    def _probs(self, parameters: Tensor) -> Tensor:
        probs = parameters.unflatten(-1, (self.variables, self.classes)).softmax(-1)
        if not self.unimix:
            return probs
        return torch.lerp(probs, probs.new_tensor(1 / self.classes), self.unimix)

    def _log_probs(self, parameters: Tensor) -> Tensor:
        if self.unimix:
            return self._probs(parameters).log()
        return parameters.unflatten(-1, (self.variables, self.classes)).log_softmax(-1)

    def draw(self, parameters: Tensor, noise: Tensor | None) -> Tensor:
        """[..., parameters] -> one-hot [..., size]; gradients pass straight through."""
        probs = self._probs(parameters)
        hard = _most_likely(probs) if noise is None else _at_quantile(probs.detach(), noise)
        if probs.requires_grad:
            hard = hard + (probs - probs.detach())  # in this order nothing is rounded
        return hard.flatten(-2)

    def kl(self, p: Tensor, q: Tensor) -> Tensor:
        """KL(p || q) in nats, summed over the variables: [..., parameters] twice -> [...]."""
        log_p, log_q = self._log_probs(p), self._log_probs(q)
        return (log_p.exp() * (log_p - log_q)).sum((-2, -1))


def _most_likely(probs: Tensor) -> Tensor:
    return F.one_hot(probs.argmax(-1), probs.shape[-1]).to(probs.dtype)


def _at_quantile(probs: Tensor, noise: Tensor) -> Tensor:
    """The class [..., V, C] at which each cumulative distribution passes the quantile of `noise`.

    One number decides, where Gumbel's trick wants one of every class: drawing those, and the two
    logarithms of each, took a fifth of a training step.
    """
    upto = probs.cumsum(-1)
    # A share of the sum, not of 1: it is rounded. Never 0: nothing lies below the first class.
    quantile = torch.special.ndtr(noise.float()).clamp(min=1e-7).unsqueeze(-1) * upto[..., -1:]
    below = upto < quantile
    after = torch.cat([torch.ones_like(below[..., :1]), below[..., :-1]], -1)  # the class before is
    return (below ^ after).to(probs.dtype)


def balanced(
    latent: GaussianLatent | CategoricalLatent, posterior: Tensor, prior: Tensor, free_nats: float
) -> tuple[Tensor, Tensor]:
    """KL [...] of the posterior from the prior, in nats, never below `free_nats`, twice.

    First the prior alone has to move, then the posterior alone (KL balancing, Hafner et al. 2021).
    """
    dynamics = latent.kl(posterior.detach(), prior).clamp(free_nats)
    return dynamics, latent.kl(posterior, prior.detach()).clamp(free_nats)
