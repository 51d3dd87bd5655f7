"""The stochastic part of a recurrent state: diagonal Gaussians or a bundle of categoricals.

Both speak the same words: `parameters` numbers describe a distribution, `size` numbers are one
draw from it, `size` standard normal numbers are the noise that a draw consumes (None: the mode).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from foreworld.outputs import gumbel_from_normal


@dataclass(frozen=True)
class GaussianLatent:
    """Diagonal Gaussians (PlaNet, Dreamer V1)."""

    size: int
    min_std: float

    @property
    def parameters(self) -> int:
        return 2 * self.size

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

    def _log_probs(self, parameters: Tensor) -> Tensor:
        logits = parameters.unflatten(-1, (self.variables, self.classes))
        if not self.unimix:
            return logits.log_softmax(-1)
        mixed = (1 - self.unimix) * logits.softmax(-1) + self.unimix / self.classes
        return mixed.log()

    def draw(self, parameters: Tensor, noise: Tensor | None) -> Tensor:
        """[..., parameters] -> one-hot [..., size]; gradients pass straight through."""
        log_probs = self._log_probs(parameters)
        choice = log_probs
        if noise is not None:
            choice = log_probs + gumbel_from_normal(noise.view_as(log_probs))
        hard = F.one_hot(choice.argmax(-1), self.classes).to(log_probs.dtype)
        probs = log_probs.exp()
        return (hard + probs - probs.detach()).flatten(-2)

    def kl(self, p: Tensor, q: Tensor) -> Tensor:
        """KL(p || q) in nats, summed over the variables: [..., parameters] twice -> [...]."""
        log_p, log_q = self._log_probs(p), self._log_probs(q)
        return (log_p.exp() * (log_p - log_q)).sum((-2, -1))
