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
        self.step = mlp(c.latent + specs["action"].width, c.latent, c.hidden, c.layers)

    def represent(self, seen: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """Scaled tensors [B, ...] of `keys`, and the batch [B, 1, ...] they are from -> [B, D]."""
        words = self.words(batch).squeeze(1)
        return scaled(self.into(torch.cat([self.encoder(seen), words], -1)))

    def advance(self, latent: Tensor, action: Tensor) -> Tensor:
        """Latents [B, D] and actions as vectors [B, A] -> latents [B, D]."""
        return scaled(latent + self.step(torch.cat([latent, action], -1)))

    def read(self, latent: Tensor) -> Tensor:
        """Latents [B, D] -> what heads get to see [B, width]."""
        return latent


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
        self.narrow = nn.Sequential(nn.Conv2d(c.channels, 4, 1), nn.ReLU(), nn.Flatten())

    def represent(self, seen: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        return scaled(self.into(seen[self.keys[0]].movedim(-1, 1)).flatten(1))

    def advance(self, latent: Tensor, action: Tensor) -> Tensor:
        where = self.place(action).unflatten(-1, (1, *self.shape[1:]))
        planes = latent.unflatten(-1, self.shape)
        return scaled((planes + self.step(torch.cat([planes, where], 1))).flatten(1))

    def read(self, latent: Tensor) -> Tensor:
        return self.narrow(latent.unflatten(-1, self.shape))


def _is_board(specs: Specs, key: str) -> bool:
    return specs[key].kind == "vector" and len(specs[key].shape) == 3


def scaled(latent: Tensor) -> Tensor:
    """Each row [..., D] to [0, 1], where the actions are, too (MuZero, appendix G)."""
    low, high = latent.amin(-1, keepdim=True), latent.amax(-1, keepdim=True)
    return (latent - low) / (high - low).clamp(min=1e-5)
