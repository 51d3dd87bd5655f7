"""How things move, and what they do to each other: the dynamics of `slots`.

    x_i    = f(slot_i, velocity_i, identity_i, action)
    pair   = norm(apart(place_i - place_j) + sink(x_i) + source(x_j))
    slot_i + change(x_i, sum over j of silu(pair), identity_i, action)

One function for all pairs (Interaction Networks, Battaglia et al. 2016), of the columns that every
thing has: differences of those are what contact depends on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import TAIL
from foreworld.families.slots_config import SlotsConfig
from foreworld.nn.mlp import mlp, scale_output
from foreworld.outputs import Normal

SHARP = 4.0  # differences are magnified at birth: contact is a matter of centimetres
STRIDE = 0.2  # how far a slot goes in a step, about, in deviations of its column
STIR = 0.02  # deviations of a column in a step: less is not called moving


class Motion(nn.Module):
    """Slots now and a step before [B, N, Z], action [B, A] -> a Gaussian of the next [B, N, Z].

    moves: which columns of which slots may change, [N, Z]; the others are as they were seen last.
    """

    def __init__(
        self, moves: Tensor, common: Sequence[int], actions: int, config: SlotsConfig
    ) -> None:
        super().__init__()
        m, (count, width) = config.hidden, moves.shape
        self.register_buffer("moves", moves, persistent=False)
        self.common = list(common)
        self.min_std = config.min_std
        self.identity = nn.Parameter(0.5 * torch.randn(count, m))
        self.act = nn.Linear(actions, m)
        self.inward = nn.Linear(2 * width, m)
        self.source, self.sink = nn.Linear(m, m), nn.Linear(m, m)
        self.apart = nn.Linear(len(self.common), m, bias=False)
        self.norm = nn.LayerNorm(m)  # without it contact is not learned
        self.message = nn.Linear(m, m)
        self.change = scale_output(mlp(3 * m, 2 * width, 2 * m, 1), 0.1)
        with torch.no_grad():
            self.apart.weight.mul_(SHARP)

    moves: Tensor

    def forward(self, slots: Tensor, before: Tensor, action: Tensor) -> Normal:
        me = self.identity + self.act(action).unsqueeze(1)
        velocity = (slots - before) / STRIDE
        x = F.silu(self.inward(torch.cat([slots, velocity], -1)) + me)
        # apart(z_i - z_j) = apart(z_i) - apart(z_j): a pair costs one addition.
        here = self.apart(slots[..., self.common])
        pairs = (here + self.sink(x)).unsqueeze(2) + (self.source(x) - here).unsqueeze(1)
        told = self.message(F.silu(self.norm(pairs)).sum(2))
        change, raw = self.change(torch.cat([x, told, me], -1)).chunk(2, -1)
        std = F.softplus(raw - 2) + self.min_std
        far = STRIDE * change * self.moves
        if not self.training:
            # What nobody touches stays: a loss with a least deviation does not see its creeping,
            # and in a hundred steps that is a tenth of the table.
            far = torch.where(far.abs() > STIR, far, 0.0)
        return Normal(slots + far, std, 2, TAIL)
