"""A handful of unit vectors that stand for actions nobody wrote down, and the actions that were.

said by the inverse model ─▶ nearest code ─▶ the dynamics          (`Codebook`)
a recorded action ─────────▶ a vector among the codes ─▶ the same  (`Naming`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import action_vector
from foreworld.nn.mlp import mlp
from foreworld.vocab import Spec

SHARP = 0.1  # temperature of the cosines by which codes are told apart
ROUND = 1 << 20  # how finely shares of rows are cut


class Codebook(nn.Module):
    """K unit vectors; what is said becomes the nearest (VQ, van den Oord et al. 2017).

    Cosines in place of distances, so that no code can hide by being long; a code that nobody chose
    for `patience` updates is put where something was said. Without that one code is left.
    """

    def __init__(self, codes: int, width: int, patience: int) -> None:
        super().__init__()
        self.patience = patience
        self.vectors = nn.Parameter(torch.randn(codes, width))
        self.register_buffer("idle", torch.zeros(codes))  # updates since each was chosen

    @property
    def unit(self) -> Tensor:
        """[K, width]"""
        return F.normalize(self.vectors, dim=-1)

    def cosines(self, said: Tensor) -> Tensor:
        """Unit vectors [..., width] -> [..., K]."""
        return said @ self.unit.T

    def forward(self, said: Tensor) -> Tensor:
        """Unit vectors [..., width] -> the codes' numbers [...]."""
        return self.cosines(said).argmax(-1)

    def chosen(self, said: Tensor) -> Tensor:
        """The nearest codes [..., width]; gradients go to what was said (straight through)."""
        return said + (self.unit[self(said)] - said).detach()

    def losses(self, said: Tensor, commit: float) -> Tensor:
        """Codes move to what was said, and `commit` times as much the other way: [...]."""
        nearest = self.unit[self(said)]
        near = (said.detach() - nearest).square().sum(-1)
        return near + commit * (said - nearest.detach()).square().sum(-1)

    @torch.no_grad()
    def renew(self, said: Tensor) -> None:
        """Count who was chosen by what was said [N, width], and revive the forgotten."""
        if not self.training or not len(said):
            return
        idle = self.get_buffer("idle")
        idle += 1
        idle[self(said).unique()] = 0
        dead = (idle > self.patience).nonzero().flatten()
        if len(dead):
            # Another tensor, for this update's gradients still look at the old one.
            self.vectors.data = self.vectors.data.clone()
            self.vectors.data[dead] = said[torch.randint(len(said), dead.shape, device=said.device)]
            idle[dead] = 0


class Naming(nn.Module):
    """What recorded actions mean among the codes.

    Class n of a world with few classes is code n; other actions become vectors of their own, and
    are told apart from those of other rows (van den Oord et al. 2018, InfoNCE).
    """

    def __init__(self, spec: Spec, codebook: Codebook, hidden: int) -> None:
        super().__init__()
        codes, width = codebook.vectors.shape
        self.spec = spec
        self.direct = spec.classes is not None and not spec.shape and spec.width <= codes
        self.place = None if self.direct else mlp(spec.width, width, hidden, 1)

    def forward(self, action: Tensor, codebook: Codebook) -> Tensor:
        """Actions [..., *shape] in the world's units -> unit vectors [..., width]."""
        if self.place is None:
            return codebook.unit[action]
        return F.normalize(self.place(action_vector(action, self.spec)), dim=-1)

    def missed(self, said: Tensor, action: Tensor, codebook: Codebook) -> Tensor:
        """Cross-entropy [N] of naming the action [N, *shape] from what was said [N, width]."""
        if self.place is None:
            return F.cross_entropy(codebook.cosines(said) / SHARP, action, reduction="none")
        alike = said @ self(action, codebook).T / SHARP
        return F.cross_entropy(alike, torch.arange(len(said), device=said.device), reduction="none")


def labelled(batch: Mapping[str, Tensor], keys: Sequence[str], share: float) -> Tensor:
    """Which rows [B, T] have an action that may be read: the same ones whenever they are drawn.

    A row is chosen by the bytes of what it shows, so that a share of the data is read, and not all
    of it in the end.
    """
    lead = batch["is_first"].shape
    if share >= 1:
        return torch.ones(lead, dtype=torch.bool, device=batch["is_first"].device)
    total = torch.zeros(lead, dtype=torch.long, device=batch["is_first"].device)
    for key in keys:
        bytes = batch[key].contiguous().view(lead[0], lead[1], -1).view(torch.uint8).long()
        place = torch.arange(bytes.shape[-1], device=bytes.device) + len(key)
        # Knuth's multiplicative hash of every byte and its place, in whole numbers: exact anywhere.
        total += (((bytes + 1) * (place * 2654435761 % 4294967291 + 1)) >> 7).sum(-1)
    mixed = (total * 2654435761 % 4294967296) >> 12
    return mixed < share * ROUND
