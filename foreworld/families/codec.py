"""Encoders and heads built from Specs, one module a key, whatever the keys are.

::

    image ─ conv + keypoints ┐                              ┌─ image     Mse
    vector ─ mlp ────────────┼─▶ embedding [.., E]   state ─┼─ vector    Normal, learned std
    discrete ─ one-hot, mlp ─┘                              ├─ discrete  Categorical
    text ─ hashed words ───────▶ context [.., C]            ├─ reward    TwoHot or Normal
                                                            └─ continue  Bernoulli
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.binned import TwoHot
from foreworld.families.scales import Scale, Scales, as_float, safe
from foreworld.nn.mlp import mlp, scale_output
from foreworld.nn.patches import PatchEncoder, PatchesConfig, PatchReader
from foreworld.nn.text import TextEncoder
from foreworld.nn.vision import ImageDecoder, ImageEncoder
from foreworld.outputs import Bernoulli, Categorical, Mse, Normal
from foreworld.vocab import Prediction, Spec, Specs, observation_keys, target_keys


@dataclass(frozen=True)
class CodecConfig:
    image: Literal["keypoints", "patches"] = "keypoints"  # what reads images: convolutions, a ViT
    patches: PatchesConfig = field(default_factory=PatchesConfig)  # of image=patches
    channels: int = 32  # feature maps of the image encoder and decoder
    keypoints: int = 48  # soft positions the image encoder reads off; 0: none
    embed: int = 256  # numbers that describe one instant after encoding
    context: int = 64  # numbers that describe the instruction
    hidden: int = 256  # width of every head
    layers: int = 2  # hidden layers of every head
    image_scale: float = 0.5  # standard deviation of a pixel that counts as one unit of surprise
    reward: Literal["two_hot", "normal"] = "normal"  # what the reward head says
    min_std: float = 0.03  # vector heads never claim to be surer, in deviations of the data


def one_hot(value: Tensor, classes: Sequence[int], scalar: bool) -> Tensor:
    """Integers [...] (scalar) or [..., k] -> floats [..., sum(classes)]."""
    parts = [value] if scalar else value.unbind(-1)
    return torch.cat(
        [F.one_hot(p.long(), n) for p, n in zip(parts, classes, strict=True)], -1
    ).float()


def action_vector(action: Tensor, spec: Spec) -> Tensor:
    """An action in the world's units as numbers in [-1, 1], or one-hot: [..., spec.width]."""
    if spec.classes:
        return one_hot(action, spec.classes, scalar=not spec.shape)
    flat = action.float().flatten(-len(spec.shape)) if spec.shape else action.float().unsqueeze(-1)
    if spec.low is None or spec.high is None:
        return flat
    low = torch.as_tensor(spec.low, device=flat.device)
    high = torch.as_tensor(spec.high, device=flat.device)
    return 2 * (flat - low) / (high - low) - 1


def zero_action(spec: Spec, batch_size: int, device: torch.device) -> Tensor:
    """No action yet: zeros in the world's units."""
    dtype = torch.long if spec.classes else torch.float32
    return torch.zeros(batch_size, *spec.shape, dtype=dtype, device=device)


class VectorEncoder(nn.Module):
    """Scaled numbers or classes -> [..., width]."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.spec = spec
        self.net = nn.Sequential(mlp(spec.width, None, width, 2))

    def forward(self, x: Tensor) -> Tensor:
        if self.spec.classes:
            return self.net(one_hot(x, self.spec.classes, scalar=not self.spec.shape))
        event = len(self.spec.shape)
        return self.net(x.flatten(-event) if event else x.unsqueeze(-1))


def seen_keys(specs: Specs) -> list[str]:
    """Keys that an encoder sees; words are context (`Words`). Raises ValueError without any."""
    keys = [k for k in observation_keys(specs) if specs[k].kind != "text"]
    if not keys:
        raise ValueError("nothing to see: the world has no observed image, vector or discrete key")
    return keys


class Words(nn.Module):
    """Instructions [B, ...] -> context [B, C]; no columns where the world has no words."""

    def __init__(self, specs: Specs, config: CodecConfig) -> None:
        super().__init__()
        self.keys = [k for k in observation_keys(specs) if specs[k].kind == "text"]
        self.parts = nn.ModuleDict({safe(k): TextEncoder(config.context) for k in self.keys})
        self.size = config.context * len(self.keys)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """A batch [B, T, ...] -> [B, T, C]."""
        lead = batch["is_first"]
        if not self.keys:
            return torch.zeros(*lead.shape, 0, device=lead.device)
        return torch.cat([self.parts[safe(k)](batch[k]) for k in self.keys], -1)


class Encoder(nn.Module):
    """Everything seen at one instant -> embedding [B, E]."""

    def __init__(self, specs: Specs, config: CodecConfig) -> None:
        super().__init__()
        self.keys = seen_keys(specs)
        self.parts = nn.ModuleDict({safe(k): self._part(specs[k], config) for k in self.keys})
        self.join = mlp(config.embed * len(self.keys), None, config.embed, 1)

    @staticmethod
    def _part(spec: Spec, config: CodecConfig) -> nn.Module:
        if spec.kind == "image" and config.image == "patches":
            return PatchReader(PatchEncoder(spec.shape, config.patches), config.embed)
        if spec.kind == "image":
            return ImageEncoder(spec.shape, config.embed, config.channels, config.keypoints)
        return VectorEncoder(spec, config.embed)

    def transformers(self) -> dict[str, PatchEncoder]:
        """What reads patches, by the key of the image."""
        parts = {k: self.parts[safe(k)] for k in self.keys}
        return {k: part.encoder for k, part in parts.items() if isinstance(part, PatchReader)}

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Scaled tensors [B, ...] -> [B, E]."""
        return self.join(torch.cat([self.parts[safe(k)](batch[k]) for k in self.keys], -1))


class Instructed(nn.Module):
    """A state [B, D] in the light of an instruction [B, C] -> [B, width].

    The instruction multiplies: it selects what in the state matters, which a sum learns slowly.
    """

    def __init__(self, width: int, context: int, gates: int = 128) -> None:
        super().__init__()
        self.context = context
        self.width = width + (gates + context if context else 0)
        if context:
            self.value = nn.Linear(width, gates)
            self.gate = nn.Linear(context, gates)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        if not self.context:
            return x
        return torch.cat([x, self.value(x) * self.gate(context), context], -1)


TAIL = 3.0  # deviations beyond which a miss counts linearly


class VectorHead(nn.Module):
    """A Gaussian with one learned standard deviation, in deviations of the data.

    It is learned, so that a key's weight follows how well it can be known (Rybkin et al. 2021,
    calibrated decoders), and shared by the key's numbers: with one each, those that are learned
    first gain weight, and the others are never learned (docs/log.md).
    """

    def __init__(self, spec: Spec, width: int, config: CodecConfig) -> None:
        super().__init__()
        self.shape = spec.shape
        self.min_std = config.min_std
        self.net = mlp(width, spec.width, config.hidden, config.layers)
        self.log_std = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, scale: Scale) -> Normal:
        mean = self.net(x).unflatten(-1, self.shape or (1,))
        # Ten times the parameter: it must fall by a factor of 100 within hundreds of updates.
        std = (10 * self.log_std).clamp(math.log(self.min_std), 3.0).exp()
        if not self.shape:
            mean = mean.squeeze(-1)
        std = (scale.std * std).expand_as(mean)
        # What never changed is known without looking; predicted freely, its tiny deviation would
        # outweigh everything that does change.
        return Normal(scale.mean + scale.std * mean * scale.varies, std, len(self.shape), TAIL)


class ImageHead(nn.Module):
    """The expected image, in [0, 1]: what it always looks like, and what the state adds to that."""

    def __init__(self, spec: Spec, width: int, config: CodecConfig) -> None:
        super().__init__()
        self.weight = 0.5 / config.image_scale**2
        self.net = nn.Sequential(
            mlp(width, None, config.hidden, 1),
            ImageDecoder(config.hidden, spec.shape, config.channels, config.keypoints),
        )

    def forward(self, x: Tensor, scale: Scale) -> Mse:
        return Mse(scale.mean + scale.std * self.net(x), event_dims=3, weight=self.weight)


class DiscreteHead(nn.Module):
    """One categorical per component."""

    def __init__(self, spec: Spec, width: int, config: CodecConfig) -> None:
        super().__init__()
        self.classes = spec.classes or ()
        self.scalar = not spec.shape
        self.net = mlp(width, spec.width, config.hidden, config.layers)

    def forward(self, x: Tensor, scale: None) -> Categorical:
        return Categorical(self.net(x), self.classes, self.scalar)


class ContinueHead(nn.Module):
    """Probability that the world goes on."""

    def __init__(self, width: int, config: CodecConfig) -> None:
        super().__init__()
        self.net = mlp(width, 1, config.hidden, config.layers)

    def forward(self, x: Tensor, scale: None) -> Bernoulli:
        return Bernoulli(self.net(x).squeeze(-1))


class TwoHotHead(nn.Module):
    """A scalar of any scale (Hafner et al. 2023)."""

    def __init__(self, width: int, config: CodecConfig, bins: int = 255) -> None:
        super().__init__()
        self.net = scale_output(mlp(width, bins, config.hidden, config.layers), 0.0)

    def forward(self, x: Tensor, scale: Scale) -> TwoHot:
        return TwoHot(self.net(x))


SCALAR = Spec((), "float32", "vector")


class Heads(nn.Module):
    """Heads over one state vector, by name; forward computes only those asked for.

    names: those to have; None: every target key but words, reward and continue.
    """

    def __init__(
        self, specs: Specs, width: int, config: CodecConfig, names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        if names is None:  # words are not predicted
            keys = (k for k in target_keys(specs) if specs[k].kind != "text")
            names = (*keys, "reward", "continue")
        self.names = tuple(names)
        self.parts = nn.ModuleDict({safe(k): self._part(k, specs, width, config) for k in names})

    @staticmethod
    def _part(name: str, specs: Specs, width: int, config: CodecConfig) -> nn.Module:
        if name == "continue":
            return ContinueHead(width, config)
        if name == "reward" and config.reward == "two_hot":
            return TwoHotHead(width, config)
        if name == "reward":
            return VectorHead(SCALAR, width, config)
        makers: dict[str, Callable[[Spec, int, CodecConfig], nn.Module]] = {
            "image": ImageHead, "vector": VectorHead, "discrete": DiscreteHead
        }  # fmt: skip
        return makers[specs[name].kind](specs[name], width, config)

    def forward(
        self, x: Tensor, scales: Scales, heads: Sequence[str] | None = None
    ) -> dict[str, Prediction]:
        check_heads(heads, self.names)
        wanted = self.names if heads is None else heads
        return {h: self.parts[safe(h)](x, scales.get(h)) for h in wanted}


def check_heads(wanted: Sequence[str] | None, names: Sequence[str]) -> None:
    """Raises ValueError for a head that a model does not have."""
    for head in wanted or ():
        if head not in names:
            raise ValueError(f"no head named {head!r}; this model has: {', '.join(names)}")


def head_targets(batch: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    """What each head should have said: images in [0, 1], `continue` = not terminal."""
    targets: dict[str, Tensor] = {}
    for name in names:
        if name == "continue":
            targets[name] = 1 - batch["is_terminal"].float()
        else:
            value = batch[name]
            targets[name] = as_float(value) if value.dtype == torch.uint8 else value
    return targets
