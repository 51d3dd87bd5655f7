"""Transformer blocks: a plain one, and one that is told something (AdaLN-zero, Peebles & Xie 2023).

    x ─ norm ─ attention ─(+)─ norm ─ mlp ─(+)─        plain
         │         │            │       │
       scale,    gate         scale,   gate            told: six vectors made of the condition
       shift                  shift

The gates of a told block are zero at birth: it begins as the identity.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Every token looks at the tokens it may; `heads` must divide `width`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} can't be cut into {heads} heads")
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, newest: int | None = None) -> Tensor:
        """x: [B, T, width] -> [B, T or newest, width]: all tokens look, or only the newest ones.

        mask: bool, True where row i may look at j, as [B, 1, T or 1, T].
        """
        parts = self.project(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)  # each [B, heads, T, width / heads]
        query = query[:, :, -(newest or 0) :]
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, ratio: int = 4) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads)
        self.mlp = feed_forward(width, ratio)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norms[0](x), mask)
        return x + self.mlp(self.norms[1](x))


class ToldBlock(nn.Module):
    """A transformer block conditioned token by token, the identity at birth.

    attends: whether tokens look at each other; a token that is always alone need not.
    """

    def __init__(
        self, width: int, heads: int, condition: int, ratio: int = 4, attends: bool = True
    ) -> None:
        super().__init__()
        self.attention = Attention(width, heads) if attends else None
        self.mlp = feed_forward(width, ratio)
        self.tell = nn.Linear(condition, (6 if attends else 3) * width)
        nn.init.zeros_(self.tell.weight)
        with torch.no_grad():  # at birth scales are 1, shifts and gates 0
            self.tell.bias.view(-1, 3, width).copy_(torch.tensor([1.0, 0.0, 0.0]).view(3, 1))

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        newest: int | None = None,
    ) -> Tensor:
        """x: [B, T, width] -> [B, T or newest, width]; mask and newest: as in `Attention`.

        condition: [B, T, condition]
        """
        told = self.tell(condition).split(x.shape[-1], -1)
        few = slice(-(newest or 0), None)
        old, x = x, x[:, few]
        if self.attention is not None:
            seen = self.attention(_told(old, told[3], told[4]), mask, newest)
            x = torch.addcmul(x, told[5][:, few], seen)
        scale, shift, gate = (part[:, few] for part in told[:3])
        return torch.addcmul(x, gate, self.mlp(_told(x, scale, shift)))


def _told(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:]), scale)


def feed_forward(width: int, ratio: int = 4) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, ratio * width), nn.SiLU(), nn.Linear(ratio * width, width)
    )
