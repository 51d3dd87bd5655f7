"""Transformer blocks: a plain one, and one that is told something (AdaLN-zero, Peebles & Xie 2023).

    x ─ norm ─ attention ─(+)─ norm ─ mlp ─(+)─        plain
         │         │            │       │
       scale,    gate         scale,   gate            told: six vectors made of the condition
       shift                  shift

The gates of a told block are zero at birth: it begins as the identity.
"""

from __future__ import annotations

from collections.abc import Callable

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
        query, kept = self.ask(x)
        return self.look(query[:, -(newest or 0) :], kept, mask)

    def ask(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries [B, T, width] of tokens, and their keys and values side by side [B, T, 2 width].

        The latter are all that later tokens need of earlier ones.
        """
        width = x.shape[-1]
        query, kept = self.project(x).split((width, 2 * width), -1)
        return query, kept

    def look(self, query: Tensor, kept: Tensor, mask: Tensor | None = None) -> Tensor:
        """Queries [B, T, width] at keys and values [B, S, 2 width] -> [B, T, width].

        mask: as in `forward`, or floats to be added to the logits.
        """
        parts = (query, *kept.chunk(2, -1))
        query, key, value = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts)
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
        return self.recall(x, mask, lambda kept: kept)[0]

    def recall(
        self, x: Tensor, mask: Tensor | None, join: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Tokens [B, T, width] that look at more than each other, and what they looked at.

        join: makes of their own keys and values [B, T, 2 width] those to be looked at.
        """
        query, kept = self.attention.ask(self.norms[0](x))
        kept = join(kept)
        x = x + self.attention.look(query, kept, mask)
        return x + self.mlp(self.norms[1](x)), kept


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
