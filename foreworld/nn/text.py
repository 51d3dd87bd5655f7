"""Words without a vocabulary file: bytes are cut at spaces, each word is hashed to a row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.nn.running import running_max

_ODD = 2_654_435_761  # Knuth's multiplicative hash


def word_ids(text: Tensor, buckets: int, max_words: int) -> Tensor:
    """UTF-8 bytes [B, L] (zero padded) -> word numbers [B, max_words], 0 where there is no word.

    Upper case counts as lower case and punctuation as a space.
    """
    byte = text.long()
    byte = torch.where((byte >= 65) & (byte <= 90), byte + 32, byte)
    inside = ((byte >= 97) & (byte <= 122)) | ((byte >= 48) & (byte <= 57)) | (byte >= 128)
    begins = inside & ~F.pad(inside, (1, 0))[:, :-1]
    place = torch.arange(text.shape[1], device=text.device).expand_as(byte)
    start = running_max(torch.where(begins, place, 0))
    # A position-weighted sum hashes a word; int64 wraps around, which is as good as a modulus.
    letters = torch.where(inside, (byte + 1) ** 3 * (place - start + 7) ** 5 * _ODD, 0)
    word = (begins.long().cumsum(1) - 1).clamp(0, max_words - 1)
    sums = torch.zeros(text.shape[0], max_words, dtype=torch.long, device=text.device)
    sums.scatter_add_(1, word, letters)
    # The upper bits: the lower ones of a product hardly depend on the upper ones of its factors.
    return torch.where(sums == 0, 0, 1 + (sums >> 24) % (buckets - 1))


class TextEncoder(nn.Module):
    """A sentence [..., L] bytes -> [..., width]: hashed words and the strongest of their threes."""

    def __init__(self, width: int, buckets: int = 2048, max_words: int = 24) -> None:
        super().__init__()
        self.buckets = buckets
        self.max_words = max_words
        self.table = nn.Embedding(buckets, width, padding_idx=0)
        self.phrase = nn.Conv1d(width, width, 3, padding=1)
        self.out = nn.Sequential(nn.Linear(2 * width, width), nn.LayerNorm(width), nn.SiLU())

    def forward(self, text: Tensor) -> Tensor:
        words = word_ids(text.flatten(0, -2), self.buckets, self.max_words)
        embed = self.table(words).transpose(1, 2)  # [B, width, words]
        present = (words > 0).unsqueeze(1)
        near = F.silu(self.phrase(embed)).masked_fill(~present, -1e4).amax(2).clamp(min=-1)
        total = (embed * present).sum(2) / present.sum(2).clamp(min=1)
        return self.out(torch.cat([near, total], -1)).unflatten(0, text.shape[:-1])
