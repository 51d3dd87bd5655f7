"""What can be chosen about `rssm`, and what makes it the model of a paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foreworld.families.codec import CodecConfig


@dataclass(frozen=True)
class RssmConfig:
    deter: int = 256  # size of the deterministic memory h
    blocks: int = 1  # blocks of the recurrent cell; 1: dense, 8: Dreamer V3
    latent: Literal["gaussian", "categorical"] = "gaussian"  # kind of stochastic state z
    stoch: int = 64  # Gaussian dimensions, or number of categorical variables
    classes: int = 16  # values of each categorical variable
    hidden: int = 256  # width of the prior and posterior networks
    residual: bool = True  # Gaussian prior says how the latent changes: what rests costs nothing
    unimix: float = 0.01  # share of uniform mixed into every categorical
    min_std: float = 0.03  # smallest standard deviation of a Gaussian latent
    free_nats: float = 1.0  # KL below this is not worth reducing
    kl_dynamics: float = 0.1  # weight of moving the prior to the posterior
    kl_representation: float = 0.02  # weight of moving the posterior to the prior
    overshoot: int = 4  # steps imagined in training with losses on every cheap head; 0: none
    overshoot_starts: int = 4  # instants of each window from which those steps begin
    latent_overshoot: int = 0  # steps over which priors are held to posteriors (PlaNet); 0: one
    decode: float = 0.125  # share of a batch's frames whose image is decoded in training
    see: float = (
        0.35  # share of training in which the encoder learns alone, frame by frame; 0: none
    )
    freeze: bool = True  # after that the encoder is left as it is, which makes updates cheaper
    imagine_last: int = 8  # states at the end of each window handed out to imagine from
    codec: CodecConfig = field(default_factory=CodecConfig)  # encoders and heads

    def __post_init__(self) -> None:
        if not 0 <= self.see < 1:
            raise ValueError(
                f"see={self.see} leaves no time for dynamics: a share from 0 to below 1"
            )
        if self.residual and self.latent == "categorical":
            raise ValueError(
                "residual=true with latent=categorical: classes have no difference; "
                "set residual=false"
            )
        if self.residual and self.latent_overshoot:
            raise ValueError(
                "latent_overshoot compares priors that do not lean on the latent before: "
                "set residual=false"
            )


# What the papers do not have: a phase of single frames, residual priors, keypoints, overshooting.
_PAPER = {
    "see": 0.0,
    "residual": False,
    "overshoot": 0,
    "decode": 1.0,
    "kl_dynamics": 1.0,
}
_GAUSSIAN = _PAPER | {"deter": 200, "hidden": 200, "stoch": 30, "min_std": 0.1, "free_nats": 3.0,
                      "kl_representation": 1.0, "codec": {"keypoints": 0}}  # fmt: skip
_CATEGORICAL = _PAPER | {"latent": "categorical", "stoch": 32, "classes": 32}

PRESETS: dict[str, dict[str, Any]] = {
    # For worlds of few things: frames first but briefly, then everything at once.
    "simple": {"see": 0.15, "freeze": False, "kl_dynamics": 1.0, "deter": 128, "hidden": 128,
               "stoch": 32, "overshoot": 6, "overshoot_starts": 2,
               "codec": {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128}},
    "planet": _GAUSSIAN | {"latent_overshoot": 5},
    "dreamer_v1": _GAUSSIAN,
    "dreamer_v2": _CATEGORICAL
    | {"deter": 600, "hidden": 600, "free_nats": 0.0, "unimix": 0.0, "kl_dynamics": 0.8,
       "kl_representation": 0.2, "codec": {"keypoints": 0}},
    "dreamer_v3": _CATEGORICAL
    | {"deter": 1024, "blocks": 8, "kl_representation": 0.1,
       "codec": {"keypoints": 0, "reward": "two_hot"}},
    # Sizes, laid over one of the papers: one dial for everything that has a width.
    "nano": {"deter": 128, "blocks": 1, "hidden": 128, "stoch": 16, "classes": 16,
             "codec": {"channels": 16, "embed": 128, "hidden": 128, "layers": 1}},
    "small": {"deter": 256, "blocks": 1, "hidden": 256, "stoch": 32, "classes": 16,
              "codec": {"channels": 24, "embed": 256, "hidden": 256, "layers": 1}},
    "base": {"deter": 1024, "blocks": 8, "hidden": 512, "stoch": 32, "classes": 32,
             "codec": {"channels": 32, "embed": 512, "hidden": 512, "layers": 2}},
    "large": {"deter": 4096, "blocks": 8, "hidden": 1024, "stoch": 32, "classes": 64,
              "codec": {"channels": 64, "embed": 1024, "hidden": 1024, "layers": 3}},
    # For acting: small and quick, everything learned at once, so that a policy can learn beside it.
    "control": {"see": 0.0, "freeze": False, "overshoot": 0, "decode": 0.5, "kl_dynamics": 1.0,
                "kl_representation": 0.1, "deter": 128, "stoch": 16, "hidden": 128,
                "imagine_last": 8,
                "codec": {"channels": 16, "keypoints": 16, "embed": 128, "hidden": 128,
                          "layers": 1}},
    # Laid over it, for pixels and for hard tasks: Gaussian latents tell 15 nats a step that no
    # prior foresees, and policies learn from such dreams far more slowly (docs/log.md).
    "classes": {"latent": "categorical", "residual": False, "stoch": 16, "classes": 16},
    "debug": {"see": 0.2, "freeze": False, "deter": 16, "stoch": 4, "classes": 4,
              "hidden": 16,
              "codec": {"channels": 4, "keypoints": 2, "embed": 16, "hidden": 16, "context": 8}},
}  # fmt: skip

# How each paper trains and acts, in numbers of our loop: `train_ratio` is steps replayed for each
# one collected, so that 100 updates of 50 x 50 after every episode of 250 decisions are 1000.
# Common to all here, unlike in V1 and V2: two-hot critics and returns in units of their spread.
RECIPES: dict[str, dict[str, Any]] = {
    "planet": {  # Hafner et al. 2019, appendix A
        "preset": ("planet",), "planner": "cem", "replan_every": 1,
        "planner_set": ("horizon=12", "num_candidates=1000", "num_elites=100", "iterations=10"),
        "train": ("batch_size=50", "length=50", "optimiser.lr=1e-3", "optimiser.eps=1e-4",
                  "optimiser.clip=1000", "optimiser.final=1"),
        "num_envs": 1, "prefill": 1250, "train_ratio": 1000.0,
    },
    "dreamer_v1": {  # Hafner et al. 2020, appendix A: gradients through the dynamics
        "preset": ("dreamer_v1",), "learner": "actor_critic",
        "learner_set": ("gradient=dynamics", "discount=0.99", "entropy=0", "lr=8e-5",
                        "slow_weight=0", "networks.unimix=0", "networks.layers=3",
                        "networks.hidden=300"),
        "train": ("batch_size=50", "length=50", "optimiser.lr=6e-4", "optimiser.final=1"),
        "num_envs": 1, "prefill": 2500, "train_ratio": 500.0,
    },
    "dreamer_v2": {  # Hafner et al. 2021, appendix D: REINFORCE for classes, dynamics otherwise
        "preset": ("dreamer_v2",), "learner": "actor_critic",
        "learner_set": ("gradient=auto", "discount=0.995", "entropy=1e-3", "lr=8e-5",
                        "networks.unimix=0", "networks.layers=4", "networks.hidden=400"),
        "train": ("batch_size=50", "length=50", "optimiser.lr=2e-4", "optimiser.eps=1e-5",
                  "optimiser.final=1"),
        "num_envs": 1, "prefill": 2500, "train_ratio": 156.0,
    },
    "dreamer_v3": {  # Hafner et al. 2023, table 4: one set of numbers for everything
        "preset": ("dreamer_v3",), "learner": "actor_critic",
        "learner_set": ("gradient=reinforce", "discount=0.997", "entropy=3e-4", "lr=1e-4",
                        "networks.layers=3", "networks.hidden=512", "networks.bins=255"),
        "train": ("batch_size=16", "length=64", "optimiser.lr=1e-4", "optimiser.clip=1000",
                  "optimiser.final=1"),
        "num_envs": 1, "prefill": 1024, "train_ratio": 512.0,
    },
    # Sizes, laid over a recipe; small networks bear larger steps.
    "nano": {"preset": ("nano",), "learner_set": ("networks.layers=2", "networks.hidden=128",
                                                  "networks.bins=127", "lr=1e-3"),
             "train": ("optimiser.lr=1e-3",)},
    "small": {"preset": ("small",), "learner_set": ("networks.layers=2", "networks.hidden=256",
                                                    "lr=4e-4"), "train": ("optimiser.lr=4e-4",)},
    "base": {"preset": ("base",)},
    "large": {"preset": ("large",), "learner_set": ("networks.layers=3", "networks.hidden=1024"),
              "train": ("optimiser.lr=4e-5",)},
}  # fmt: skip
PAPERS = {
    "planet": "Hafner et al. 2019 (PlaNet), arXiv 1811.04551",
    "dreamer_v1": "Hafner et al. 2020, arXiv 1912.01603",
    "dreamer_v2": "Hafner et al. 2021, arXiv 2010.02193",
    "dreamer_v3": "Hafner et al. 2023, arXiv 2301.04104",
}
RESULTS = (
    "actor_critic_cartpole_state.json",
    "actor_critic_cartpole_pixels.json",
    "actor_critic_swingup.json",
    "pendulum.json",
    "minigrid.json",
)
