"""How action sequences are drawn: planners think in codes, the world in actions.

A code is a row of W numbers per decision: the action scaled to [-1, 1] where actions are
continuous, one-hot where they are discrete. Averaging codes is meaningful in both cases, so one
planner serves both::

    action spec     code          a proposal is                a draw is
    Box [lo, hi]    [-1, 1]^A     Gaussian(mean, std)          mean + std * noise
    3 x 2 classes   1 0 0 | 0 1   Categorical(probabilities)   argmax(log p + Gumbel noise)

Shapes: B rows, N candidates, K elites, D decisions, W code width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from foreworld.outputs import gumbel_from_normal
from foreworld.vocab import Spec


@dataclass(frozen=True)
class Gaussian:
    """Independent normal codes, mean and std [B, D, W]; draws are clamped to [-1, 1]."""

    mean: Tensor
    std: Tensor

    def draw(self, noise_NDW: Tensor) -> Tensor:
        """Codes [B, N, D, W]."""
        return (self.mean[:, None] + self.std[:, None] * noise_NDW).clamp(-1, 1)

    def fit(
        self, codes_BKDW: Tensor, weights_BK: Tensor, smoothing: float, min_spread: float
    ) -> Gaussian:
        """Weighted mean and standard deviation, of which `smoothing` parts stay as they were."""
        weights = weights_BK[:, :, None, None]
        mean = (weights * codes_BKDW).sum(1)
        std = (weights * (codes_BKDW - mean[:, None]).square()).sum(1).sqrt()
        std = torch.lerp(std, self.std, smoothing).clamp(min=min_spread)
        return Gaussian(torch.lerp(mean, self.mean, smoothing), std)

    def around(self, codes_BDW: Tensor, share: float) -> Gaussian:
        """As wide as this one, around given codes."""
        return Gaussian(codes_BDW, self.std)

    @property
    def centre(self) -> Tensor:
        """The code [B, D, W] in the middle."""
        return self.mean


@dataclass(frozen=True)
class Categorical:
    """Independent choices, probabilities [B, D, W] sum to one over each component's classes."""

    probabilities: Tensor
    classes: tuple[int, ...]

    def draw(self, noise_NDW: Tensor) -> Tensor:
        """Codes [B, N, D, W] by the Gumbel-max trick; zero noise gives the most likely choice."""
        logits = self.probabilities.log()[:, None] + gumbel_from_normal(noise_NDW)
        return _one_hot_argmax(logits, self.classes)

    def fit(
        self, codes_BKDW: Tensor, weights_BK: Tensor, smoothing: float, min_spread: float
    ) -> Categorical:
        """Weighted frequencies, smoothed; `min_spread` parts of the choices stay uniform."""
        frequency = (weights_BK[:, :, None, None] * codes_BKDW).sum(1)
        probabilities = torch.lerp(frequency, self.probabilities, smoothing)
        uniform = _uniform(self.classes, frequency)
        return Categorical(torch.lerp(probabilities, uniform, min_spread), self.classes)

    def around(self, codes_BDW: Tensor, share: float) -> Categorical:
        """At given codes, but for a share of uniform choices."""
        uniform = _uniform(self.classes, codes_BDW)
        return Categorical(torch.lerp(codes_BDW, uniform, share), self.classes)

    @property
    def centre(self) -> Tensor:
        """The most likely code [B, D, W]."""
        return _one_hot_argmax(self.probabilities, self.classes)


Proposal = Gaussian | Categorical


@dataclass(frozen=True)
class Continuous:
    """Bounded actions of one shape; low and high are flat, [W]."""

    low: Tensor
    high: Tensor
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.low)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [..., W] -> actions [..., *shape] in the world's units."""
        centre, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        flat = torch.addcmul(centre, codes, half).clamp(self.low, self.high)
        return flat.unflatten(-1, self.shape) if self.shape else flat.squeeze(-1)

    def encode(self, actions: Tensor) -> Tensor:
        """Actions [..., *shape] -> codes [..., W]."""
        lead = actions.shape[: actions.ndim - len(self.shape)]
        flat = actions.reshape(*lead, self.width).to(self.low.dtype)
        span = (self.high - self.low).clamp(min=torch.finfo(self.low.dtype).tiny)
        return (2 * (flat - self.low) / span - 1).clamp(-1, 1)

    def proposal(self, codes_BDW: Tensor, known_B: Tensor, spread: float) -> Gaussian:
        """Centred on the codes of rows that are known, on zero elsewhere."""
        mean = codes_BDW * known_B[:, None, None]
        return Gaussian(mean, torch.full_like(mean, spread))


@dataclass(frozen=True)
class Discrete:
    """Choices among classes; shape () for one component, (C,) for several."""

    classes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        return sum(self.classes)

    def decode(self, codes: Tensor) -> Tensor:
        """One-hot codes [..., W] -> class numbers [..., *shape]."""
        parts = [c.argmax(-1) for c in codes.split(self.classes, -1)]
        flat = torch.stack(parts, -1)
        return flat.unflatten(-1, self.shape) if self.shape else flat.squeeze(-1)

    def encode(self, actions: Tensor) -> Tensor:
        """Class numbers [..., *shape] -> one-hot codes [..., W]."""
        lead = actions.shape[: actions.ndim - len(self.shape)]
        parts = actions.reshape(*lead, len(self.classes)).long().unbind(-1)
        hot = [F.one_hot(p, c) for p, c in zip(parts, self.classes, strict=True)]
        return torch.cat(hot, -1).float()

    def proposal(self, codes_BDW: Tensor, known_B: Tensor, spread: float) -> Categorical:
        """At the codes of known rows, but half of `spread` uniform; all uniform elsewhere."""
        share = torch.where(known_B, min(spread / 2, 1.0), 1.0)[:, None, None]
        probabilities = torch.lerp(codes_BDW, _uniform(self.classes, codes_BDW), share)
        return Categorical(probabilities, self.classes)


ActionSpace = Continuous | Discrete


def action_space(spec: Spec, device: torch.device) -> ActionSpace:
    """The codes of an action spec.

    Raises ValueError where actions have no finite bounds or are neither vectors nor discrete.
    """
    if spec.classes is not None:
        return Discrete(spec.classes, spec.shape)
    if spec.kind != "vector":
        raise ValueError(f"cannot plan actions of kind {spec.kind!r}; valid: vector, discrete")
    low, high = _bound(spec, spec.low, device), _bound(spec, spec.high, device)
    return Continuous(low, high, spec.shape)


def _bound(spec: Spec, bound: float | tuple[float, ...] | None, device: torch.device) -> Tensor:
    flat = torch.as_tensor(math.nan if bound is None else bound, dtype=torch.float32, device=device)
    if not flat.isfinite().all():
        raise ValueError(
            f"planning needs finite bounds of every action, the spec says low={spec.low}, "
            f"high={spec.high}: give the action Spec both, e.g. Spec(..., low=-1.0, high=1.0)"
        )
    return flat.flatten().expand(spec.width)


def _one_hot_argmax(scores: Tensor, classes: tuple[int, ...]) -> Tensor:
    parts = [F.one_hot(s.argmax(-1), s.shape[-1]) for s in scores.split(classes, -1)]
    return torch.cat(parts, -1).float()


def _uniform(classes: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.cat([like.new_full((c,), 1 / c) for c in classes])


def coloured_noise(
    num: int, decisions: int, width: int, colour: float, generator: torch.Generator
) -> Tensor:
    """Normal noise [num, D, W] with power spectrum 1 / f^colour along the decisions.

    0 is white, 1 pink, 2 red: the redder, the longer an action goes on in one direction
    (Timmer & Koenig 1995, as used by Pinneri et al. 2020). Unit variance at every decision.
    """
    if colour == 0 or decisions == 1:
        return torch.randn(num, decisions, width, generator=generator)
    frequency = torch.arange(decisions // 2 + 1).clamp(min=1)  # f0 takes the power of the lowest
    scale = frequency ** (-colour / 2)
    real, imag = torch.randn(2, num, width, len(scale), generator=generator)
    imag[..., 0] = 0
    real[..., 0] *= math.sqrt(2)
    if decisions % 2 == 0:  # the Nyquist frequency is real, too
        imag[..., -1] = 0
        real[..., -1] *= math.sqrt(2)
    power = (scale[1:-1] if decisions % 2 == 0 else scale[1:]).square().sum() * 2
    power = power + scale[0] ** 2 + (scale[-1] ** 2 if decisions % 2 == 0 else 0)
    signal = torch.fft.irfft(torch.complex(real, imag) * scale, n=decisions, dim=-1)
    return (signal * decisions / (2 * power).sqrt()).transpose(1, 2)
