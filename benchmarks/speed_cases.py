"""What the speed benchmarks measure: sizes of both families, invented episodes, a stopwatch."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from foreworld.episodes import EpisodeStore
from foreworld.vocab import Episode, Spec, Specs

ACTION = {"action": Spec((), "int64", "discrete", classes=(2,))}
SOURCES: dict[str, Specs] = {  # the shapes of CartPole
    "vector": {"vector": Spec((4,), "float32", "vector"), **ACTION},
    "pixels": {"image": Spec((64, 64, 3), "uint8", "image"), **ACTION},
    "motor": {
        "image": Spec((64, 64, 3), "uint8", "image"),
        "action": Spec((1,), "float32", "vector", low=-1.0, high=1.0),
    },
}


def _codec(width: int, channels: int, **rest: Any) -> dict[str, Any]:
    sizes = {"embed": width, "hidden": width, "layers": 1}
    return {**sizes, "channels": channels, "keypoints": channels, **rest}


_RSSM = {"see": 0.0, "freeze": False, "residual": False, "overshoot": 0, "decode": 1.0,
         "kl_dynamics": 1.0, "kl_representation": 0.1}  # fmt: skip
_DREAMER = {**_RSSM, "latent": "categorical", "deter": 256}
SIZES: dict[str, dict[str, dict[str, Any]]] = {
    "rssm": {
        "nano": {**_RSSM, "deter": 128, "stoch": 16, "hidden": 128, "codec": _codec(128, 8)},
        "small": {**_DREAMER, "stoch": 16, "classes": 16, "hidden": 128,
                  "codec": _codec(128, 16, reward="two_hot")},
        # sheeprl's Dreamer V3 XS: 256 numbers of memory, 32 classes of 32, one hidden layer.
        "base": {**_DREAMER, "stoch": 32, "classes": 32, "hidden": 256,
                 "codec": _codec(256, 24, reward="two_hot")},
        # Dreamer V1 as it was published, and as simulusion has it.
        "v1": {**_RSSM, "deter": 200, "stoch": 30, "hidden": 200, "min_std": 0.1,
               "codec": {"embed": 1024, "hidden": 400, "layers": 2, "channels": 32,
                         "keypoints": 0}},
    },
    "jepa": {
        "nano": {"window": 2, "latent": 32, "width": 64, "codec": _codec(128, 8)},
        "small": {"window": 3, "latent": 64, "width": 128, "codec": _codec(128, 16)},
        "base": {"window": 3, "latent": 192, "width": 256, "depth": 4,
                 "condition": 192, "codec": _codec(256, 24)},
    },
}  # fmt: skip
POLICIES = {  # width and hidden layers
    "nano": (128, 1),
    "small": (128, 1),
    "base": (256, 1),
    "v1": (400, 3),
}


def learner_config(size: str) -> dict[str, Any]:
    """The actor-critic of that size: 255 bins, 15 steps imagined."""
    hidden, layers = POLICIES[size]
    networks = {"hidden": hidden, "layers": layers, "bins": 255}
    return {"horizon": 15, "networks": networks}


def invent_episodes(path: Path, specs: Specs, num: int = 40, length: int = 200) -> EpisodeStore:
    """A closed store of `num` episodes of `length` rows; what they show is chance."""
    rng, row = np.random.default_rng(0), np.arange(length)
    with EpisodeStore.create(path, specs) as store:
        for _ in range(num):
            store.append(
                Episode(
                    {
                        **{key: _chance(rng, spec, length) for key, spec in specs.items()},
                        "reward": np.float32(row > 0),
                        "is_first": row == 0,
                        "is_last": row == length - 1,
                        "is_terminal": row == length - 1,
                    }
                )
            )
    return EpisodeStore.open(path)


def _chance(rng: np.random.Generator, spec: Spec, length: int) -> np.ndarray:
    shape = (length, *spec.shape)
    if spec.kind == "vector":
        drawn = rng.standard_normal(shape, np.float32)
        return drawn if spec.low is None else np.clip(drawn, spec.low, spec.high)
    high = 256 if spec.kind == "image" else 2
    return rng.integers(high, size=shape, dtype=np.dtype(spec.dtype))


class Stopwatch:
    """Seconds between laps, by the lap's name: of the processor (all threads), and of the wall."""

    def __init__(self) -> None:
        self.cpu_s: defaultdict[str, list[float]] = defaultdict(list)
        self.wall_s: defaultdict[str, list[float]] = defaultdict(list)
        self.start()

    def start(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def lap(self, name: str) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        self.cpu_s[name].append(cpu - self._cpu)
        self.wall_s[name].append(wall - self._wall)
        self.start()

    def medians(self) -> dict[str, dict[str, float]]:
        return {
            "cpu_s": {k: round(median(v), 6) for k, v in self.cpu_s.items()},
            "wall_s": {k: round(median(v), 6) for k, v in self.wall_s.items()},
        }
