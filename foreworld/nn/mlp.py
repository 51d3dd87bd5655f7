"""Multi-layer perceptrons: Linear, LayerNorm, SiLU (or another activation), repeated.

LayerNorm instead of Dreamer-V3's RMSNorm: on a CPU its fused kernel is 2-6 times faster
(docs/decisions.md).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


def mlp(
    inputs: int,
    outputs: int | None,
    hidden: int,
    layers: int,
    activation: type[nn.Module] = nn.SiLU,
) -> nn.Sequential:
    """`layers` normalised hidden layers, then a plain linear one (`outputs=None`: without it)."""
    blocks: list[nn.Module] = []
    width = inputs
    for _ in range(layers):
        blocks += [nn.Linear(width, hidden), nn.LayerNorm(hidden), activation()]
        width = hidden
    if outputs is not None:
        blocks.append(nn.Linear(width, outputs))
    return nn.Sequential(*blocks)


def scale_output(head: nn.Sequential, factor: float) -> nn.Sequential:
    """Scale the last layer at birth; 0 makes a head start silent (Dreamer-V3's reward)."""
    last = head[-1]
    assert isinstance(last, nn.Linear), f"the head ends in {type(last).__name__}, not in a Linear"
    with torch.no_grad():
        last.weight.mul_(factor)
        last.bias.mul_(factor)
    return head


class BlockLinear(nn.Module):
    """A block-diagonal linear map: `blocks` groups that do not mix (Hafner et al. 2023)."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__()
        if inputs % blocks or outputs % blocks:
            raise ValueError(f"{inputs} -> {outputs} can't be cut into {blocks} blocks")
        bound = (blocks / inputs) ** 0.5
        shape = (blocks, inputs // blocks, outputs // blocks)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, inputs] -> [B, outputs]."""
        blocks = self.weight.shape[0]
        grouped = x.unflatten(-1, (blocks, -1)).transpose(0, 1)  # [blocks, B, inputs / blocks]
        return torch.bmm(grouped, self.weight).transpose(0, 1).flatten(1) + self.bias


class _Mish(torch.autograd.Function):
    """Written out, because what autograd makes of the formula takes three times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # type: ignore[override]
        e, rest = _mish_parts(x)
        ctx.save_for_backward(x, e, rest)
        return torch.addcmul(x, x, rest, value=-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        x, e, rest = ctx.saved_tensors
        bend = torch.addcmul(e, e, e).mul_(rest).mul_(x).neg_().add_(1)
        return torch.addcmul(gradient, gradient * rest, bend, value=-1)


def mish(x: Tensor) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019), from one exponential.

    With e = exp(x), tanh(ln(1 + e)) = 1 - 2 / (e^2 + 2 e + 2). On a CPU several times as fast as
    PyTorch's own, which goes through exp, log1p and tanh.
    """
    if not torch.is_grad_enabled():
        return torch.addcmul(x, x, _mish_parts(x)[1], value=-1)
    return cast(Tensor, _Mish.apply(x))


def _mish_parts(x: Tensor) -> tuple[Tensor, Tensor]:
    e = x.clamp(max=20).exp_()  # beyond 20 the rest is nothing in float32
    return e, torch.addcmul(e + e, e, e).add_(2).reciprocal_().mul_(2)


class Mish(nn.Module):
    """`mish` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return mish(x)


class SimNorm(nn.Module):
    """Simplicial normalisation (Lavoie et al. 2023): groups of `size` numbers become softmaxes.

    Group g is made of the numbers g, g + G, g + 2 G ... of G groups: side by side, as the paper has
    them, a softmax over so few numbers is 40 times slower on a CPU. Which numbers form a group is a
    matter of naming.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """[..., size * G] -> the same shape, every group of `size` sums to one."""
        return x.unflatten(-1, (self.size, -1)).softmax(-2).flatten(-2)
