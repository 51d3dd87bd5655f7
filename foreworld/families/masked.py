"""I-JEPA and V-JEPA: an image encoder learns to guess what hidden patches mean, not how they look.

Assran et al. 2023 (blocks in single frames), Bardes et al. 2024 (tubes through a window)::

    shown patches  ─ encoder ─ tokens ─┐
    hidden places ─ mask tokens ───────┴─ predictor ─ guesses
    whole picture  ─ twin of the encoder, a slow average of it ─ normalised tokens at those places
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.jepa_config import MaskedConfig
from foreworld.nn.attention import Block
from foreworld.nn.masks import Masks, multi_block, tubes
from foreworld.nn.patches import PatchEncoder


class MaskedFrames(nn.Module):
    """The predictor and the encoder's twin; the encoder itself belongs to somebody else."""

    def __init__(self, encoder: PatchEncoder, config: MaskedConfig) -> None:
        super().__init__()
        self.config = config
        width = encoder.width
        self.twin = copy.deepcopy(encoder)
        self.inward = nn.Linear(width, config.width)
        self.hidden = nn.Parameter(torch.zeros(config.width))
        self.place = nn.Linear(width, config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.outward = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, width))

    def forward(self, encoder: PatchEncoder, images: Tensor) -> Tensor:
        """Scaled images [B, T, H, W, C] -> how wrong the guesses are, [B]."""
        if self.training:
            self._follow(encoder)
        if self.config.masks == "blocks":
            images = images.flatten(0, 1).unsqueeze(1)
        batch, frames = images.shape[:2]
        masks = self._masks(batch, encoder.grid, frames, images.device)
        with torch.no_grad():
            whole = self.twin(self.twin.tokens(images))
            truth = F.layer_norm(whole, whole.shape[-1:])
        seen = encoder(picked(encoder.tokens(images), masks.context))
        places = self.place(encoder.where(frames)).expand(batch, -1, -1)
        known = self.inward(seen) + picked(places, masks.context)
        missed = [
            self._missed(known, picked(places, target), picked(truth, target))
            for target in masks.targets.unbind(1)
        ]
        return torch.stack(missed).mean(0)

    def _missed(self, known: Tensor, places: Tensor, truth: Tensor) -> Tensor:
        """Smooth L1 [B] between what is guessed for one block and what the twin says of it."""
        x = torch.cat([known, places + self.hidden], 1)
        for block in self.blocks:
            x = block(x)
        guess = self.outward(x[:, known.shape[1] :])
        return F.smooth_l1_loss(guess, truth, reduction="none").mean((1, 2))

    def _masks(self, batch: int, grid: tuple[int, int], frames: int, device: torch.device) -> Masks:
        if self.config.masks == "blocks":
            return multi_block(batch, grid, device)
        return tubes(batch, grid, frames, device)

    @torch.no_grad()
    def _follow(self, encoder: PatchEncoder) -> None:
        """Move the twin towards the encoder, once an update."""
        for slow, fast in zip(self.twin.parameters(), encoder.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.config.ema)


def picked(tokens: Tensor, index: Tensor) -> Tensor:
    """Tokens [B, P, width] at numbers [B, N] -> [B, N, width]."""
    return tokens.gather(1, index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
