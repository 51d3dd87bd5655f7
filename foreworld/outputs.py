"""What heads say: small distributions with a mean, a sample from given noise, and a loss.

Every `loss(target)` keeps the batch dimensions and sums the event dimensions::

    Normal(mean [B, T, 3], std).loss(target [B, T, 3]) -> [B, T]
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def _sum_event(x: Tensor, event_dims: int) -> Tensor:
    return x.flatten(-event_dims).sum(-1) if event_dims else x


@dataclass(frozen=True)
class Mse:
    """A point estimate [..., *event], scored by squared error."""

    value: Tensor
    event_dims: int
    weight: float = 1.0

    @property
    def mean(self) -> Tensor:
        return self.value

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean

    def loss(self, target: Tensor) -> Tensor:
        error = self.value - target.to(self.value.dtype)
        return self.weight * _sum_event(error.square(), self.event_dims)


@dataclass(frozen=True)
class Normal:
    """Diagonal Gaussian; loss is the negative log-likelihood in nats.

    tail: beyond so many deviations the loss grows linearly (Huber 1964): with small deviations a
    single surprise, a thing that fell unforeseen, would outweigh a whole batch. None: never.
    """

    mean: Tensor
    std: Tensor
    event_dims: int = 1
    tail: float | None = None

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + self.std * noise.view_as(self.mean)

    def loss(self, target: Tensor) -> Tensor:
        z = (target.to(self.mean.dtype) - self.mean) / self.std
        tail = math.inf if self.tail is None else self.tail
        near = z.abs().clamp(max=tail)
        nats = near * (z.abs() - 0.5 * near) + self.std.log() + 0.5 * math.log(2 * math.pi)
        return _sum_event(nats, self.event_dims)

    @property
    def entropy(self) -> Tensor:
        """In nats."""
        return _sum_event(self.std.log() + 0.5 * math.log(2 * math.pi * math.e), self.event_dims)


@dataclass(frozen=True)
class Squashed:
    """A Gaussian pressed into bounds: centre + reach * tanh(u), u normal, diagonal (SAC, app. C).

    normal: of u [..., W]; centre and reach [W]. Values have the shape [..., *shape].
    """

    normal: Normal
    centre: Tensor
    reach: Tensor
    shape: tuple[int, ...]

    @property
    def mean(self) -> Tensor:
        """What the middle of the Gaussian becomes, not the average."""
        return self._value(self.normal.mean)

    def sample(self, noise: Tensor) -> Tensor:
        return self._value(self.normal.sample(noise))

    def entropy(self, noise: Tensor) -> Tensor:
        """An estimate from the draw that `noise` gives, in nats [...], ranges counted as [-1, 1].

        H(a) = H(u) + E log |da/du|.
        """
        u = self.normal.sample(noise)
        # log(1 - tanh(u)^2), in the form that does not round to log(0).
        return self.normal.entropy + (2 * (math.log(2) - u - F.softplus(-2 * u))).sum(-1)

    def loss(self, target: Tensor) -> Tensor:
        """Negative log-likelihood of values [..., *shape] in nats; at a bound, as just inside."""
        flat = target.reshape(self.normal.mean.shape).to(self.normal.mean.dtype)
        inside = ((flat - self.centre) / self.reach).clamp(-1 + 1e-6, 1 - 1e-6)
        slope = (1 - inside.square()).log() + self.reach.log()
        return self.normal.loss(inside.atanh()) + slope.sum(-1)

    def _value(self, u: Tensor) -> Tensor:
        flat = self.centre + self.reach * torch.tanh(u)
        return flat.unflatten(-1, self.shape) if self.shape else flat.squeeze(-1)


@dataclass(frozen=True)
class Mixture:
    """Every number of a vector from K Gaussians of its own (Bishop 1994; Ha & Schmidhuber 2018).

    logits, means, stds: [..., D, K]; the loss is -sum_d log sum_k softmax(logits)_dk N(x_d | dk).
    """

    logits: Tensor
    means: Tensor
    stds: Tensor

    @property
    def mean(self) -> Tensor:
        return (self.logits.softmax(-1) * self.means).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The centre of the most likely Gaussian of each number [..., D]."""
        return self._pick(self.means, self.logits.argmax(-1))

    def sample(self, noise: Tensor) -> Tensor:
        """noise: [..., D * (K + 1)], for each number K standard Gumbel, then a standard normal."""
        noise = noise.view(*self.logits.shape[:-1], -1)
        chosen = (self.logits + noise[..., :-1]).argmax(-1)
        return self._pick(self.means, chosen) + self._pick(self.stds, chosen) * noise[..., -1]

    def loss(self, target: Tensor) -> Tensor:
        z = (target.unsqueeze(-1) - self.means) / self.stds
        each = -0.5 * z.square() - self.stds.log() - 0.5 * math.log(2 * math.pi)
        return -(self.logits.log_softmax(-1) + each).logsumexp(-1).sum(-1)

    @staticmethod
    def _pick(values: Tensor, chosen: Tensor) -> Tensor:
        return values.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True)
class Bernoulli:
    """One probability; `mean` is P(true), loss the cross-entropy with a target in [0, 1]."""

    logit: Tensor

    @property
    def mean(self) -> Tensor:
        return self.logit.sigmoid()

    def sample(self, noise: Tensor) -> Tensor:
        """noise: standard normal, [...]."""
        uniform = torch.special.ndtr(noise.view_as(self.logit))
        return (uniform < self.mean).to(self.logit.dtype)

    def loss(self, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            self.logit, target.to(self.logit.dtype), reduction="none"
        )


@dataclass(frozen=True)
class Categorical:
    """One or several discrete values; logits [..., sum(classes)], integers [..., len(classes)].

    With `scalar=True` the target has no component dimension: [...].
    """

    logits: Tensor
    classes: tuple[int, ...]
    scalar: bool = False

    def _parts(self) -> tuple[Tensor, ...]:
        return self.logits.split(self.classes, dim=-1)

    def _join(self, values: list[Tensor]) -> Tensor:
        return values[0] if self.scalar else torch.stack(values, -1)

    @property
    def mean(self) -> Tensor:
        """The most likely value: averages of class numbers mean nothing."""
        return self._join([p.argmax(-1) for p in self._parts()])

    @property
    def probabilities(self) -> tuple[Tensor, ...]:
        return tuple(p.softmax(-1) for p in self._parts())

    @property
    def entropy(self) -> Tensor:
        """In nats, summed over the components."""
        logs = [p.log_softmax(-1) for p in self._parts()]
        return -torch.stack([(p.exp() * p).sum(-1) for p in logs]).sum(0)

    def sample(self, noise: Tensor) -> Tensor:
        """noise: standard normal, as many as logits."""
        gumbel = gumbel_from_normal(noise.view_as(self.logits))
        parts = zip(self._parts(), gumbel.split(self.classes, -1), strict=True)
        return self._join([(p.log_softmax(-1) + g).argmax(-1) for p, g in parts])

    def loss(self, target: Tensor) -> Tensor:
        targets = target.unsqueeze(-1) if self.scalar else target
        total = torch.zeros(self.logits.shape[:-1], device=self.logits.device)
        for part, value in zip(self._parts(), targets.unbind(-1), strict=True):
            total = total - part.log_softmax(-1).gather(-1, value.long().unsqueeze(-1)).squeeze(-1)
        return total


def gumbel_from_normal(noise: Tensor) -> Tensor:
    """Standard normal -> standard Gumbel, so that one kind of noise serves every latent."""
    # log(ndtr(x)) in closed, stable form; the tail is clamped where float32 runs out.
    return -torch.log((-torch.special.log_ndtr(noise.float())).clamp(1e-20, 1e20))
