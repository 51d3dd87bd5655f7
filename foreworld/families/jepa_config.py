"""What can be chosen about `jepa`, and what makes it the model of a paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class MaskedConfig:
    share: float = 0.0  # of training, before all else, for guessing hidden patches; 0: none
    masks: Literal["blocks", "tubes"] = "blocks"  # in frames (I-JEPA), through windows (V-JEPA)
    width: int = 64  # of the predictor's tokens
    depth: int = 2  # blocks of the predictor
    heads: int = 4  # of its attention
    ema: float = 0.99  # how slowly the encoder's twin follows


@dataclass(frozen=True)
class JepaConfig:
    frames: int = 1  # observations that make an embedding: 2 where one does not show how it moves
    window: int = 3  # embeddings that the predictor looks at, the newest included
    latent: int = 64  # numbers in an embedding
    width: int = 128  # of the predictor's tokens
    depth: int = 2  # blocks of the predictor
    heads: int = 4  # of its attention
    condition: int = 64  # numbers that tell its blocks the action
    objective: Literal["lewm", "pldm"] = "lewm"  # what keeps embeddings from being all the same
    sigreg: float = 0.09  # lewm: weight of being Gaussian
    slices: int = 64  # lewm: random directions in which that is looked at
    variance: float = 16.0  # pldm: weight of deviations reaching 1
    covariance: float = 8.0  # pldm: weight of dimensions saying different things
    similarity: float = 12.0  # pldm: weight of neighbours in time being alike
    inverse: float = 1.0  # pldm: weight of telling the action from two neighbours
    overshoot: int = 4  # steps imagined in training, each compared with what was seen
    overshoot_starts: int = 4  # instants of each window from which those steps begin
    outcomes: bool = True  # reward and end shape the embeddings; false: they are read off them
    look: float = 0.15  # share of training, at the end, for heads on frozen features; 0: none
    decode: float = 0.5  # share of that phase's frames whose image is decoded
    masked: MaskedConfig = field(default_factory=MaskedConfig)  # what comes first
    imagine_last: int = 8  # states at the end of each window handed out to imagine from
    codec: CodecConfig = field(default_factory=CodecConfig)  # encoders and heads

    def __post_init__(self) -> None:
        for name in ("frames", "window", "overshoot", "overshoot_starts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: at least 1")
        if min(self.look, self.masked.share) < 0 or self.look + self.masked.share >= 1:
            raise ValueError(
                f"look={self.look} and masked.share={self.masked.share} leave no time for the "
                "world: from 0 to below 1 together"
            )
        if self.masked.share and self.codec.image != "patches":
            raise ValueError(
                "masked.share: convolutions see everything; hide patches from a transformer, "
                "with codec.image=patches"
            )
        if not (self.outcomes or self.look):
            raise ValueError("outcomes=false with look=0: nothing would learn reward and end")


_SMALL = {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128}

PRESETS: dict[str, dict[str, Any]] = {
    # One frame says all there is to know: two rooms, and other worlds without velocities. Actions
    # weigh most: what stands still in an episode is predicted well, and fills embeddings.
    "rooms": {"window": 1, "objective": "pldm", "inverse": 10.0, "similarity": 2.0,
              "outcomes": False, "latent": 32, "width": 64, "codec": _SMALL},
    # From one frame nobody knows how fast things are, and from two not well: three make an
    # embedding. What can be known is two numbers, and rewards keep them apart: SIGReg only keeps
    # embeddings from shrinking, for made to fill a space they are not predictable for long.
    "swing": {"frames": 3, "window": 1, "sigreg": 0.0003, "latent": 8, "overshoot": 10,
              "overshoot_starts": 3, "look": 0.02, "codec": _SMALL},
    # The papers' sizes, for larger machines. LeWorldModel: a ViT-tiny, six blocks, three instants.
    "leworldmodel": {"latent": 192, "width": 384, "depth": 6, "heads": 16, "condition": 192,
                     "slices": 1024, "overshoot": 1, "overshoot_starts": 3, "look": 0.0,
                     "codec": {"image": "patches", "embed": 192, "hidden": 512,
                               "patches": {"size": 8, "width": 192, "depth": 12, "heads": 3}}},
    # PLDM: convolutions and a memoryless predictor, sixteen steps ahead.
    "pldm": {"window": 1, "objective": "pldm", "latent": 512, "width": 512, "overshoot": 16,
             "overshoot_starts": 1, "outcomes": False, "codec": {"embed": 512, "hidden": 512}},
    # Laid over others, hidden patches first: in frames (I-JEPA), through windows (V-JEPA).
    "ijepa": {"masked": {"share": 0.4}, "codec": {"image": "patches"}},
    "vjepa": {"masked": {"share": 0.4, "masks": "tubes"}, "codec": {"image": "patches"}},
    "debug": {"frames": 2, "window": 2, "latent": 8, "width": 16, "depth": 1, "heads": 2,
              "condition": 8, "overshoot": 3, "look": 0.3,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip

PAPERS = {
    "leworldmodel": "LeWorldModel 2026, arXiv 2603.19312",
    "pldm": "Sobal et al. 2025 (PLDM), arXiv 2502.14819",
    "ijepa": "Assran et al. 2023 (I-JEPA), arXiv 2301.08243",
    "vjepa": "Bardes et al. 2024 (V-JEPA), arXiv 2404.08471",
}
RESULTS = ("jepa_random.json", "jepa_fixed.json", "jepa_pendulum.json")
