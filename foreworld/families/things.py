"""Numbers that belong to things, laid out as one row a thing: what `slots` keeps its state in.

names       cup.x  cup.y  box.x  box.y  box.angle
slots       cup    [x, y, -    ]          columns mean the same in every row, in one unit, so
            box    [x, y, angle]          that rows can be subtracted from each other
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foreworld.families.scales import Scale
from foreworld.vocab import Spec, Specs


def named_key(specs: Specs) -> str | None:
    """The key whose numbers belong to the most things ("cup.x"), None where there is none."""
    counts = {
        key: len({name.rpartition(".")[0] for name in spec.names})
        for key, spec in specs.items()
        if spec.names and all("." in name for name in spec.names) and key != "action"
    }
    return max(sorted(counts), key=lambda key: counts[key]) if counts else None


class Things(nn.Module):
    """Which number of a vector [..., W] is which column of which row of slots [..., N, V]."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.shape = spec.shape
        pairs = [name.rpartition(".")[::2] for name in spec.names or ()]
        self.names = tuple(dict.fromkeys(thing for thing, _ in pairs))
        self.columns = tuple(dict.fromkeys(number for _, number in pairs))
        row = torch.tensor([self.names.index(thing) for thing, _ in pairs])
        column = torch.tensor([self.columns.index(number) for _, number in pairs])
        self.register_buffer("row", row, persistent=False)
        self.register_buffer("column", column, persistent=False)

    @property
    def common(self) -> list[int]:
        """Columns that every thing has: what can be compared between any two of them.

        Where there is none (a dot, a wall, a door), those that several have: the rest hold zeros.
        """
        times = self.column.bincount(minlength=len(self.columns)).tolist()
        least = len(self.names) if len(self.names) in times else 2
        return [i for i, count in enumerate(times) if count >= least]

    @property
    def named(self) -> Tensor:
        """Which columns of which rows have a name, [N, V]; the rest nobody speaks of."""
        named = torch.zeros(len(self.names), len(self.columns), dtype=torch.bool)
        named[self.row, self.column] = True
        return named

    row: Tensor
    column: Tensor

    def unit(self, scale: Scale) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each column over all things, for each number: [W], [W]."""
        mean, variance = scale.mean.flatten(), scale.variance.flatten()
        one_hot = nn.functional.one_hot(self.column, len(self.columns)).to(mean.dtype)
        share = one_hot / one_hot.sum(0)
        middle = mean @ share
        spread = (variance + (mean - middle[self.column]).square()) @ share
        spread = torch.where(spread > 1e-8, spread, 1.0).sqrt()
        return middle[self.column], spread[self.column]

    def read(self, slots: Tensor, scale: Scale) -> Tensor:
        """Slots [..., N, V], in units of their columns -> the vector [..., *shape] in the world's.

        What never changed is known without looking.
        """
        middle, spread = self.unit(scale)
        said = middle + spread * slots[..., self.row, self.column]
        known = torch.where(scale.varies.flatten(), said, scale.mean.flatten())
        return known.unflatten(-1, self.shape)

    def write(self, vector: Tensor, scale: Scale) -> Tensor:
        """The inverse of `read`: [..., *shape] -> [..., N, V], zeros where nothing is named."""
        flat = vector.flatten(-len(self.shape)).float()
        middle, spread = self.unit(scale)
        slots = flat.new_zeros(*flat.shape[:-1], len(self.names), len(self.columns))
        slots[..., self.row, self.column] = (flat - middle) / spread
        return slots
