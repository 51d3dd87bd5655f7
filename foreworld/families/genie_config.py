"""What can be chosen about `genie`, and how it is sized."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foreworld.families.codec import CodecConfig
from foreworld.families.rssm_config import RssmConfig


def _dynamics() -> RssmConfig:
    """As the preset `simple` of `rssm`: frames first but briefly, then everything at once."""
    codec = CodecConfig(channels=16, keypoints=16, embed=128, hidden=128)
    return RssmConfig(
        deter=128, stoch=32, hidden=128, see=0.15, freeze=False, kl_dynamics=1.0, codec=codec
    )


@dataclass(frozen=True)
class GenieConfig:
    codes: int = 8  # latent actions: what a video is steered by
    code: int = 16  # numbers in the vector behind each
    past: int = 2  # instants that the inverse model sees before the one in question
    channels: int = 32  # feature maps of the inverse model and of what checks it
    hidden: int = 64  # width of their other layers
    changes: float = 10.0  # how much more a pixel counts where something changed
    commit: float = 0.25  # weight of keeping what the inverse model says near the codes
    patience: int = 20  # updates after which a code that nobody chose begins anew
    labels: float = 0.0  # share of the recorded actions that is read; 0: the codes are the actions
    label_weight: float = 1.0  # weight of naming those actions from what is seen
    find: float = 0.4  # share of training for the codes, before a world is learned that obeys them
    dynamics: RssmConfig = field(default_factory=_dynamics)  # of that world

    def __post_init__(self) -> None:
        if self.codes < 2:
            raise ValueError(f"codes={self.codes}: at least 2, or there is nothing to choose")
        if self.past < 1:
            raise ValueError(f"past={self.past}: at least 1, or nothing is seen to change")
        if not 0 <= self.labels <= 1:
            raise ValueError(f"labels={self.labels}: a share of the recorded actions, 0 to 1")
        if not 0 < self.find < 1:
            raise ValueError(f"find={self.find}: codes and world both take a share above 0")
        if self.dynamics.freeze:
            raise ValueError(
                "dynamics.freeze=true: here the encoder goes on learning; set it false"
            )


PRESETS: dict[str, dict[str, Any]] = {
    # For 64 x 64 pictures and larger machines: the paper's eight codes of 32 numbers.
    "large": {"code": 32, "channels": 64, "hidden": 256,
              "dynamics": {"deter": 512, "hidden": 512, "stoch": 64, "freeze": False,
                           "kl_dynamics": 1.0}},
    # All recorded actions are read: an ordinary world, whose videos can be read for actions.
    "debug": {"code": 8, "channels": 8, "hidden": 16, "labels": 1.0, "find": 0.25,
              "dynamics": {"deter": 16, "stoch": 4, "hidden": 16, "see": 0.2, "freeze": False,
                           "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16,
                                     "context": 8}}},
}  # fmt: skip
RECIPES: dict[str, dict[str, Any]] = {}
PAPERS = {
    "large": "Bruce et al. 2024 (Genie), arXiv 2402.15391",
    "without labels": "Schmidt & Jiang 2024 (LAPO), arXiv 2312.10812",
    "labels": "Nikulin et al. 2025 (LAOM), arXiv 2502.00379",
}
