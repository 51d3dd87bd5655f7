"""A log in memory, as a source would tell it: two cameras, joints, commands, rewards, words."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foreworld.data.recording import Feature, Recording, Values

FEATURES = {
    "observation.images.front": Feature((48, 64, 3), "uint8", "image"),
    "observation.images.wrist": Feature((32, 32, 3), "uint8", "image"),
    "observation.state": Feature((2,), "float32", names=("shoulder", "elbow"), unit="deg"),
    "action": Feature((2,), "float32", names=("shoulder", "elbow")),
    "next.reward": Feature((1,), "float32", moment="after"),
    "next.done": Feature((1,), "bool", moment="after"),
}


@dataclass
class Log:
    """A source that holds its recordings."""

    recordings: list[Recording]
    features: dict[str, Feature] = field(default_factory=lambda: dict(FEATURES))
    fps: float | None = 10.0
    path: Path = Path("log")
    format: str = "memory"

    def __len__(self):
        return len(self.recordings)

    def __getitem__(self, id):
        return self.recordings[id]

    def __iter__(self):
        return iter(self.recordings)

    def close(self):
        pass


def columns(length=12, seed=0, fps=10.0):
    """Columns by name; row t of every picture is filled with the number t."""
    rng = np.random.default_rng(seed)
    t = np.arange(length)
    values = {
        "observation.images.front": np.tile(t[:, None, None, None], (1, 48, 64, 3)),
        "observation.images.wrist": np.tile(t[:, None, None, None], (1, 32, 32, 3)) + 100,
        "observation.state": rng.uniform(-90, 90, (length, 2)),
        "action": rng.uniform(-1, 1, (length, 2)),
        "next.reward": 1.0 + t[:, None],
        "next.done": t[:, None] == length - 1,
    }
    return {
        key: Values(value.astype(FEATURES[key].dtype), t / fps) for key, value in values.items()
    }


def recording(number=0, length=12, task="push the cup", **changes):
    """One recording; changes: columns to replace, None to leave out, dots written as __."""
    told = columns(length, number)
    for name, column in changes.items():
        told[name.replace("__", ".")] = column
    kept = {name: column for name, column in told.items() if column is not None}
    return Recording(f"episode {number}", kept, task)


def log(count=3, **changes):
    return Log([recording(n, **changes) for n in range(count)])
