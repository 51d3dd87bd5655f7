"""What MuZero is made of: the representation h, the dynamics g, and what the prediction f reads.

                  represent          advance            read
    vectors, …    codec, mlp [D]     mlp, a step on     as it is
    a board       tower [C, H, W]    tower, with the    1 x 1 convolution
                                     action as a plane

Latents are flat [B, D] in both, and scaled to [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import Encoder, Words
from foreworld.families.muzero_config import MuzeroConfig
from foreworld.nn.board import tower
from foreworld.nn.mlp import mlp
from foreworld.vocab import Specs, observation_keys


class VectorNets(nn.Module):
    """Everything that is seen, words too, in one vector."""

    def __init__(self, specs: Specs, config: MuzeroConfig) -> None:
        super().__init__()
        c = config
        self.encoder = Encoder(specs, c.codec)
        self.words = Words(specs, c.codec)
        self.keys = self.encoder.keys
        self.size = self.width = c.latent
        self.into = mlp(c.codec.embed + self.words.size, c.latent, c.hidden, c.layers)
        # As many numbers as the latent has, or the few of an action go under among them.
        self.move = nn.Linear(specs["action"].width, c.latent)
        self.step = mlp(2 * c.latent, None, c.hidden, c.layers)
        self.change = nn.Linear(c.hidden, c.latent)
        self.told = c.hidden

    def represent(self, seen: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Scaled tensors [B, ...] of `keys`, and the batch [B, 1, ...] they are from -> [B, D]."""
        words = self.words(batch).squeeze(1)
        return scaled(self.into(torch.cat([self.encoder(seen), words], -1)))

    def advance(self, latent: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Latents [B, D], actions as vectors [B, A] -> latents, what tells the reward [B, told]."""
        told = self.step(torch.cat([centred(latent), self.move(action)], -1))
        return scaled(latent + self.change(told)), told

    def read(self, latent: Tensor) -> Tensor:
        """Latents [B, D] -> what heads get to see [B, width]."""
        return centred(latent)


class BoardNets(nn.Module):
    """A board [H, W, P] seen as planes. Raises ValueError where none, or more than one, is seen."""

    def __init__(self, specs: Specs, config: MuzeroConfig) -> None:
        super().__init__()
        boards = [k for k in observation_keys(specs) if _is_board(specs, k)]
        if len(boards) != 1:
            raise ValueError(
                f"net=board reads one vector of shape [height, width, planes]; this world shows "
                f"{', '.join(boards) or 'none'}: --set net=vector"
            )
        self.keys = boards
        height, width, planes = specs[boards[0]].shape
        c = config
        self.shape = (c.channels, height, width)
        self.size = c.channels * height * width
        self.width = 4 * height * width
        self.into = tower(planes, c.channels, c.blocks)
        self.place = nn.Linear(specs["action"].width, height * width)  # a plane that says where
        self.step = tower(c.channels + 1, c.channels, c.blocks)
        self.narrow, self.tell = (
            nn.Sequential(nn.Conv2d(c.channels, 4, 1), nn.ReLU(), nn.Flatten()) for _ in range(2)
        )
        self.told = self.width

    def represent(self, seen: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        return scaled(self.into(seen[self.keys[0]].movedim(-1, 1)).flatten(1))

    def advance(self, latent: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        where = self.place(action).unflatten(-1, (1, *self.shape[1:]))
        planes = centred(latent).unflatten(-1, self.shape)
        change = self.step(torch.cat([planes, where], 1))
        return scaled(latent + change.flatten(1)), self.tell(change)

    def read(self, latent: Tensor) -> Tensor:
        return self.narrow(centred(latent).unflatten(-1, self.shape))


class SupportHead(nn.Module):
    """Features [B, D] -> logits [B, bins] of a scalar; says nearly 0 at birth.

    What is usual is learned by a bias that moves 30 times as fast. Left to the layers below, it
    becomes what all latents have in common, and drowns what sets them apart: which action was taken
    is then not found in the reward within a hundred updates, and with it in seventy (docs/log.md).
    """

    def __init__(self, width: int, bins: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(bins, width))
        self.usual = nn.Parameter(torch.zeros(bins))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, 30 * self.usual)


def _is_board(specs: Specs, key: str) -> bool:
    return specs[key].kind == "vector" and len(specs[key].shape) == 3


def scaled(latent: Tensor) -> Tensor:
    """Each row [..., D] to [0, 1], where the actions are, too (MuZero, appendix G)."""
    low, high = latent.amin(-1, keepdim=True), latent.amax(-1, keepdim=True)
    return (latent - low) / (high - low).clamp(min=1e-5)


def centred(latent: Tensor) -> Tensor:
    """From [0, 1] to about unit deviation: layers see what differs, not what all have in common."""
    return 4 * latent - 2
