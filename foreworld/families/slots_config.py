"""What can be chosen about `slots`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class SlotsConfig:
    free: int = 4  # slots where no number of the world belongs to a thing
    numbers: int = 8  # that such a slot has; named things have those that are named
    looks: int = 4  # numbers of a slot that stay as they are while it moves: colour, kind
    hidden: int = 64  # width of what passes between two slots
    min_std: float = 0.01  # the prior is never surer, in deviations of a column
    surprise: float = 0.1  # weight of the prior's likelihood of what was then seen
    overshoot: int = 3  # steps imagined in training with losses on every cheap head; 0: none
    overshoot_starts: int = 3  # instants of each window from which those steps begin
    decode: float = 0.125  # share of a batch's frames whose image is decoded in training
    see: float = 0.4  # share of training in which frames are learned one by one; 0: none
    move: float = 0.4  # share in which motion is learned from named numbers alone; 0: none
    codec: CodecConfig = field(
        default_factory=lambda: CodecConfig(hidden=128)
    )  # encoders and heads

    def __post_init__(self) -> None:
        if min(self.see, self.move) < 0 or self.see + self.move >= 1:
            raise ValueError(
                f"see={self.see} and move={self.move} leave no time for both together: "
                "shares from 0 on, below 1 in sum"
            )


PRESETS: dict[str, dict[str, Any]] = {
    "debug": {
        "hidden": 32, "decode": 1.0,
        "codec": {"channels": 8, "keypoints": 8, "embed": 32, "context": 8, "hidden": 32},
    },
}  # fmt: skip

PAPERS = {
    "interactions": "Battaglia et al. 2016, arXiv 1612.00222",
    "correction": "Haarnoja et al. 2016, arXiv 1605.07148",
}
RESULTS = ("push.json",)
