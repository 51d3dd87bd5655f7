"""What `tdmpc` sees, as a latent of softmaxes side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from foreworld.families.codec import Words, one_hot, seen_keys
from foreworld.families.scales import safe
from foreworld.families.tdmpc_config import TdmpcConfig
from foreworld.nn.mlp import Mish, SimNorm, mlp
from foreworld.nn.vision import ImageEncoder
from foreworld.vocab import Specs


def latent_mlp(inputs: int, hidden: int, layers: int, config: TdmpcConfig) -> nn.Sequential:
    """A perceptron that ends in a latent: its last layer is normalised, then SimNorm."""
    net = mlp(inputs, config.latent, hidden, layers, Mish)
    return net.append(nn.LayerNorm(config.latent)).append(SimNorm(config.simplex))


class LatentEncoder(nn.Module):
    """Everything seen at one instant -> a latent [N, L].

    Vectors and classes go in as they are, images as the house's convolutions read them, words as
    their code: what the paper's task embedding is to several tasks.
    """

    def __init__(self, specs: Specs, config: TdmpcConfig) -> None:
        super().__init__()
        self.specs, self.keys = dict(specs), seen_keys(specs)
        self.words = Words(specs, config.codec)
        images = [k for k in self.keys if specs[k].kind == "image"]
        c = config.codec
        self.images = nn.ModuleDict(
            {
                safe(k): ImageEncoder(specs[k].shape, c.embed, c.channels, c.keypoints)
                for k in images
            }
        )
        plain = sum(specs[k].width for k in self.keys if k not in images)
        width = plain + c.embed * len(images) + self.words.size
        self.join = latent_mlp(width, config.encoder, config.encoder_layers, config)

    def forward(self, scaled: Mapping[str, Tensor], context: Tensor) -> Tensor:
        """Scaled tensors [N, ...] and what was instructed [N, C] -> [N, L]."""
        parts = [self._part(key, scaled[key]) for key in self.keys]
        return self.join(torch.cat([*parts, context], -1))

    def _part(self, key: str, x: Tensor) -> Tensor:
        spec = self.specs[key]
        if spec.kind == "image":
            return self.images[safe(key)](x)
        if spec.classes:
            return one_hot(x, spec.classes, scalar=not spec.shape)
        return x.reshape(len(x), spec.width)
