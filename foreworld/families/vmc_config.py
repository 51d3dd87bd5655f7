"""What can be chosen about `vmc`, and what makes it the model of the paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class VmcConfig:
    latent: int = 32  # numbers that V says of one instant
    memory: int = 256  # size of M's output and of its cell
    mixtures: int = 5  # Gaussians of every number in M's forecast
    residual: bool = True  # M says how the latent changes: what rests costs nothing
    cell: bool = True  # whether C sees M's cell beside its output, as in the paper's VizDoom
    free_nats: float = 0.1  # KL of each number of the latent that is not worth reducing
    outcome: float = 10.0  # weight of reward and continue beside the latent, in M
    share: float = 0.25  # of a batch's frames that V learns from
    see: float = 0.4  # share of training that is V's
    control: float = 0.0  # share in which M stands still and a learner dreams; 0: it never does
    imagine_last: int = 4  # states at the end of each window handed out to imagine from
    codec: CodecConfig = field(
        default_factory=lambda: CodecConfig(layers=1, hidden=128, image_scale=0.2)
    )  # encoders and heads

    def __post_init__(self) -> None:
        if not (self.see > 0 and self.control >= 0 and self.see + self.control < 1):
            raise ValueError(
                f"see={self.see}, control={self.control}: V takes a share above 0, and M what "
                "both leave of 1, as in see=0.4 control=0.3"
            )


PRESETS: dict[str, dict[str, Any]] = {
    # Of the paper's VizDoom experiment; its convolutions, and what this family does of its own
    # accord, are not: see `vmc`.
    "paper": {"latent": 64, "memory": 512, "residual": False, "free_nats": 0.5, "share": 1.0,
              "codec": {"keypoints": 0, "layers": 0, "image_scale": 0.70710678}},
    # Of few things in little of the picture, for one core.
    "small_pictures": {"share": 0.125, "codec": {"channels": 16, "keypoints": 24, "embed": 128,
                                                 "image_scale": 0.1}},
    "debug": {"latent": 8, "memory": 32, "mixtures": 2, "share": 1.0,
              "codec": {"channels": 8, "keypoints": 4, "embed": 32, "hidden": 32}},
}  # fmt: skip

RECIPES: dict[str, dict[str, Any]] = {
    "usual": {"set": ("control=0.3",), "learner": "evolution"},
    # Ha & Schmidhuber 2018, section 4, on one core; for VizdoomTakeCover-v1 with --env frame_skip=4
    "take_cover": {"preset": ("small_pictures",), "set": ("see=0.54", "control=0.08"),
                   "steps": 2800, "prefill": 60_000, "train": ("batch_size=16", "length=32"),
                   "learner": "evolution",
                   "learner_set": ("episodes=8", "horizon=150", "temperature=1.15")},
}  # fmt: skip
PAPERS = {"the model": "Ha & Schmidhuber 2018 (World Models), arXiv 1803.10122"}
