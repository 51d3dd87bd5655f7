from __future__ import annotations

import numpy as np
import pytest

from foreworld.vocab import Episode, Spec

SPECS = {
    "eye/left": Spec((8, 6, 3), "uint8", "image"),
    "vector": Spec((5,), "float32", "vector"),
    "room": Spec((2,), "int64", "discrete", classes=(3, 4)),
    "word": Spec((7,), "uint8", "text"),
    "success": Spec((), "float32", "vector", observed=False),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=(1.0, 2.0)),
}


def make_episode(length: int, seed: int = 0) -> Episode:
    """A random episode that fits SPECS."""
    generator = np.random.default_rng(seed)
    rows = np.arange(length)
    return Episode(
        {
            "eye/left": generator.integers(0, 256, (length, 8, 6, 3), dtype=np.uint8),
            "vector": generator.normal(size=(length, 5)).astype(np.float32),
            "room": generator.integers(0, [3, 4], (length, 2)),
            "word": generator.integers(97, 122, (length, 7), dtype=np.uint8),
            "success": generator.random(length).astype(np.float32),
            "action": generator.uniform(-1, 1, (length, 2)).astype(np.float32),
            "reward": generator.normal(size=length).astype(np.float32),
            "is_first": rows == 0,
            "is_last": rows == length - 1,
            "is_terminal": (rows == length - 1) & bool(seed % 2),
        }
    )


@pytest.fixture
def specs():
    return dict(SPECS)


@pytest.fixture
def episode():
    return make_episode


@pytest.fixture
def same():
    def check(a: Episode, b: Episode) -> None:
        assert sorted(a.steps) == sorted(b.steps)
        for key in b.steps:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key, strict=True)

    return check
