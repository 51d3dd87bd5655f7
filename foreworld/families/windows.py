"""The last few instants of an episode as a transformer sees them, and what it says comes next."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from foreworld.families.jepa_config import JepaConfig
from foreworld.nn.attention import ToldBlock
from foreworld.nn.running import running_max


def counted(before: Tensor, is_first: Tensor) -> Tensor:
    """How many rows of the present episode were seen, row by row: [B], [B, T] -> [B, T]."""
    row = torch.arange(is_first.shape[1], device=is_first.device)
    begun = running_max(torch.where(is_first, row, -1))
    return torch.where(begun < 0, before.unsqueeze(1), -begun) + row + 1


def there(seen: Tensor, window: int) -> Tensor:
    """Which of a window's instants exist, the newest last: [...] -> [..., W]."""
    place = torch.arange(window, 0, -1, device=seen.device)
    return place <= seen.unsqueeze(-1)


def windows(x: Tensor, length: int) -> Tensor:
    """All windows of `length` rows: [B, L, D] -> [B, L - length + 1, length, D]."""
    return x.unfold(1, length, 1).movedim(-1, 2)


def newest_and_changes(x: Tensor, seen: Tensor) -> Tensor:
    """[..., W, D], how many of the W there are [...] -> [..., W * D]: what is, and how it moved.

    The newest, then the change from each to the next; 0 where either was not seen.
    """
    both = there(seen, x.shape[-2])[..., :-1, None]
    changes = (x[..., 1:, :] - x[..., :-1, :]) * both
    return torch.cat([x[..., -1, :], changes.flatten(-2)], -1)


class Predictor(nn.Module):
    """Embeddings and the actions chosen in them -> the next embedding, as a change of the newest.

    The actions condition every block (AdaLN-zero), and the last layer is zero at birth: it begins
    by saying that nothing changes.
    """

    def __init__(self, config: JepaConfig, action: int) -> None:
        super().__init__()
        c = config
        self.token = nn.Linear(c.latent, c.width)
        self.place = nn.Parameter(0.02 * torch.randn(c.window, c.width))
        self.move = nn.Sequential(nn.Linear(action, c.condition), nn.SiLU())
        self.blocks = nn.ModuleList(
            ToldBlock(c.width, c.heads, c.condition, attends=c.window > 1) for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.width)
        self.change = nn.Linear(c.width, c.latent)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, embeds: Tensor, moves: Tensor, seen: Tensor) -> Tensor:
        """embeds [B, W, E], moves [B, W, A], how many of the W there are [B] -> [B, E]."""
        x = self.token(embeds) + self.place
        condition = self.move(moves)
        # Whoever has seen nothing looks at the zeros it holds: no row may attend to nobody.
        mask = there(seen.clamp(min=1), embeds.shape[1])[:, None, None]
        for block in self.blocks[:-1]:
            x = block(x, condition, mask)
        x = self.blocks[-1](x, condition, mask, newest=1)  # only what it says is read
        return embeds[:, -1] + self.change(self.norm(x[:, -1]))
