"""A causal transformer whose tokens look back over a window, with what it needs of them in a ring.

::

    slot      0   1   2   3        W = 4, seven tokens so far: t3 … t6 are there, and t7 will be
    token    t4  t5  t6  t3        written over t3, the oldest
                          ▲ cursor

A token at layer l sees the W latest outputs of layer l - 1, itself included, and these saw W each:
through `depth` layers it reaches depth * (W - 1) tokens back. What a step with the ring gives is
what one pass over all tokens under this banded mask gives (the sliding window of Beltagy et al.
2020). A pass over the last W alone would be another function wherever depth > 1, because there the
lower layers of the oldest tokens would have nothing to look back at.

Tokens have no places, only ages: each head adds to its logits a number for every age, learned
(Raffel et al. 2020) and born as a linear slope (Press et al. 2022). So keys do not depend on when
they were made, and may lie in any slot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.nn.attention import Block

Join = Callable[[Tensor], Tensor]  # see `Block.recall`


class Ring(NamedTuple):
    """The latest W tokens of B rows, of constant size; a value, never written to."""

    layers: tuple[Tensor, ...]  # of each layer [B, W, 2 * width]: keys and values side by side
    cursor: Tensor  # [B] the slot of the oldest, which is written next
    seen: Tensor  # [B] how many slots count, those written last


class SlidingTransformer(nn.Module):
    """Tokens [B, T, width] -> what each makes of the `window` latest, all at once or one by one."""

    def __init__(self, width: int, depth: int, heads: int, window: int) -> None:
        super().__init__()
        self.width, self.window = width, window
        self.blocks = nn.ModuleList(Block(width, heads, ratio=2) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        # Steeper than ALiBi's, whose windows are hundreds of tokens: the first head begins by
        # seeing little but the newest, the last by seeing all alike.
        slopes = 2.0 ** (1 - 8 * torch.arange(heads) / heads)
        self.by_age = nn.Parameter(-slopes.unsqueeze(1) * torch.arange(window))  # [heads, W]

    def empty(self, batch_size: int) -> Ring:
        """Nothing was seen yet."""
        device = self.by_age.device
        layer = torch.zeros(batch_size, self.window, 2 * self.width, device=device)
        cursor = torch.zeros(batch_size, dtype=torch.long, device=device)
        return Ring(tuple(layer.clone() for _ in self.blocks), cursor, cursor.clone())

    def step(self, x: Tensor, ring: Ring) -> tuple[Tensor, Ring]:
        """One more token a row: x [B, width] -> what it makes of it [B, width], and the ring then.

        The ring is copied once, flat, and one slot of the copy written: the cheapest exact form
        (docs/log.md).
        """
        seen = (ring.seen + 1).clamp(max=self.window)
        slots = torch.arange(self.window, device=x.device)
        mask = self._mask((ring.cursor.unsqueeze(1) - slots) % self.window, seen.unsqueeze(1))
        where = (torch.arange(len(x), device=x.device), ring.cursor)

        def write(layer: Tensor, kept: Tensor) -> Tensor:
            return layer.index_put(where, kept.squeeze(1))

        x, layers = self._through(
            x.unsqueeze(1), mask.unsqueeze(2), [partial(write, layer) for layer in ring.layers]
        )
        return x.squeeze(1), Ring(tuple(layers), (ring.cursor + 1) % self.window, seen)

    def scan(self, x: Tensor, seen: Tensor, ring: Ring | None) -> tuple[Tensor, list[Tensor]]:
        """Many tokens at once: x [B, T, width] -> what each makes of it, and keys and values.

        seen: [B, T] how many tokens each row may look at, itself included: fewer than there are
        forgets. One that may look at none looks at itself. ring: what came before, None nothing.
        Keys and values of each layer are [B, (W +) T, 2 * width], those of the ring first.
        """
        past = [] if ring is None else _in_order(ring)
        length, before = x.shape[1], self.window if past else 0
        place = torch.arange(before + length, device=x.device)
        age = place[before:].unsqueeze(1) - place  # [T, (W +) T], negative in the future
        mask = self._mask(age.unsqueeze(0), seen.clamp(min=1).unsqueeze(-1))
        joins: list[Join] = [partial(_after, old) for old in past]
        joins = joins or [lambda kept: kept] * len(self.blocks)
        return self._through(x, mask, joins)

    def rings(self, kept: Sequence[Tensor], seen: Tensor, last: int) -> Ring:
        """The rings after each of the `last` newest tokens of a scan, leaves [B, last, ...].

        kept: what `scan` gave. seen: [B, T], as it was given to it.
        """
        length = last + self.window - 1
        padded = [F.pad(x, (0, 0, max(0, length - x.shape[1]), 0))[:, -length:] for x in kept]
        layers = tuple(x.unfold(1, self.window, 1).movedim(-1, 2) for x in padded)
        seen = seen[:, -last:].clamp(max=self.window)
        return Ring(layers, torch.zeros_like(seen), seen)

    def _through(
        self, x: Tensor, mask: Tensor, joins: Sequence[Join]
    ) -> tuple[Tensor, list[Tensor]]:
        layers = []
        for block, join in zip(self.blocks, joins, strict=True):
            assert isinstance(block, Block)
            x, kept = block.recall(x, mask, join)
            layers.append(kept)
        return self.norm(x), layers

    def _mask(self, age: Tensor, seen: Tensor) -> Tensor:
        """What is added to logits, by age [B or 1, ..., S] of the `seen`: [B, heads, ..., S]."""
        there = (age >= 0) & (age < seen.clamp(max=self.window))
        bias = self.by_age[:, age.clamp(0, self.window - 1)].movedim(0, 1)
        return torch.where(there.unsqueeze(1), bias, -torch.inf)


def _after(old: Tensor, new: Tensor) -> Tensor:
    return torch.cat([old, new], 1)


def _in_order(ring: Ring) -> list[Tensor]:
    """Keys and values of each layer, the oldest first."""
    window = ring.layers[0].shape[1]
    slots = torch.arange(window, device=ring.cursor.device)
    order = (ring.cursor.unsqueeze(1) + slots) % window
    rows = torch.arange(len(order), device=order.device).unsqueeze(1)
    return [layer[rows, order] for layer in ring.layers]
