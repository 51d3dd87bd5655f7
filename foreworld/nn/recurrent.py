"""Recurrent cells that fit inside a scan: one normalised GRU, dense or block-diagonal."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foreworld.nn.mlp import BlockLinear


class GruCell(nn.Module):
    """A GRU with a normalised joint projection and an update gate biased to remember.

    Dreamer-V2/V3's cell: reset gates the candidate, update gate gets bias -1 (Hafner et al. 2021).
    `blocks=1` is the dense cell; more blocks are Dreamer-V3's block-diagonal one.
    """

    def __init__(self, inputs: int, size: int, blocks: int = 1) -> None:
        super().__init__()
        self.size = size
        self.blocks = blocks
        if blocks == 1:
            self.project: nn.Module = nn.Linear(inputs + size, 3 * size, bias=False)
        else:
            # Every block sees all of the input and its own part of the state.
            self.project = BlockLinear(blocks * inputs + size, 3 * size, blocks)
        self.norm = nn.LayerNorm(3 * size)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """x: [B, inputs], state: [B, size] -> new state [B, size]."""
        if self.blocks == 1:
            gates = self.norm(self.project(torch.cat([x, state], -1)))
            reset, candidate, update = gates.chunk(3, -1)
        else:
            own = state.unflatten(-1, (self.blocks, -1))
            shared = x.unsqueeze(1).expand(-1, self.blocks, -1)
            gates = self.norm(self.project(torch.cat([shared, own], -1).flatten(1)))
            parts = gates.unflatten(-1, (self.blocks, 3, -1)).unbind(2)
            reset, candidate, update = (p.flatten(1) for p in parts)
        candidate = torch.tanh(reset.sigmoid() * candidate)
        update = torch.sigmoid(update - 1)
        return update * candidate + (1 - update) * state
