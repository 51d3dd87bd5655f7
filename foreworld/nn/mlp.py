"""Multi-layer perceptrons: Linear, LayerNorm, SiLU, repeated.

LayerNorm instead of Dreamer-V3's RMSNorm: on a CPU its fused kernel is 2-6 times faster
(docs/decisions.md).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mlp(inputs: int, outputs: int | None, hidden: int, layers: int) -> nn.Sequential:
    """`layers` normalised hidden layers, then a plain linear one (`outputs=None`: without it)."""
    blocks: list[nn.Module] = []
    width = inputs
    for _ in range(layers):
        blocks += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.SiLU()]
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
