"""A small store with every kind of key, and its way through a format and back."""

import numpy as np

from foreworld.data.exporting import export_store
from foreworld.data.formats import open_source
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from foreworld.vocab import Episode, Spec

SPECS = {
    "front": Spec((40, 48, 3), "uint8", "image"),
    "grey": Spec((36, 36, 1), "uint8", "image"),
    "arm/joints": Spec((3,), "float32", "vector", -2.0, 2.0, names=("a", "b", "c"), unit="rad"),
    "touch": Spec((2, 2), "bool", "vector"),
    "mode": Spec((), "int64", "discrete", classes=(4,)),
    "instruction": Spec((24,), "uint8", "text"),
    "cup": Spec((2,), "float32", "vector", observed=False),
    "state": Spec((5,), "float64", "vector", observed=False, record=True),
    "action": Spec((2,), "float32", "vector", (-1.0, -2.0), (1.0, 2.0)),
}
CHOICES = SPECS | {"action": Spec((), "int64", "discrete", classes=(5,))}


def make(path, specs=SPECS, lengths=(7, 2, 12), seed=0):
    """A store of episodes of some lengths; every other one ends the world."""
    rng = np.random.default_rng(seed)
    with EpisodeStore.create(path, specs) as store:
        for n, length in enumerate(lengths):
            store.append(episode(rng, specs, length, bool(n % 2 == 0) and length > 1))
    return EpisodeStore.open(path)


def episode(rng, specs, length, terminal):
    steps = {key: values(rng, key, spec, length) for key, spec in specs.items()}
    steps["action"][-1] = 0
    steps["reward"] = rng.normal(size=length).astype(np.float32)
    steps["reward"][0] = 0
    steps["is_first"] = np.arange(length) == 0
    steps["is_last"] = np.arange(length) == length - 1
    steps["is_terminal"] = steps["is_last"] & terminal
    return Episode(steps)


def values(rng, key, spec, length):
    shape = (length, *spec.shape)
    if spec.kind == "text":
        words = [f"push the café {'left' if n < 3 else 'right'}".encode() for n in range(length)]
        return np.stack([np.frombuffer(w.ljust(spec.shape[0], b"\0"), np.uint8) for w in words])
    if spec.kind == "image":
        return rng.integers(0, 256, shape, np.uint8)
    if spec.kind == "discrete":
        return rng.integers(0, spec.classes[0], shape)
    if spec.dtype == "bool":
        return rng.random(shape) < 0.5
    return rng.uniform(-1, 1, shape).astype(spec.dtype)


def there_and_back(tmp_path, format, specs=SPECS, **settings):
    """The store, and what is left of it after an export and an import."""
    store = make(tmp_path / "store", specs)
    export_store(store, tmp_path / "out", format, 10.0, settings)
    source = open_source(tmp_path / "out", format)
    assert source.format == format and type(source).fits(tmp_path / "out")
    try:
        import_dataset(source, tmp_path / "back", usual(source), workers=1)
    finally:
        source.close()
    return store, EpisodeStore.open(tmp_path / "back")


def assert_same(store, back):
    assert back.specs == store.specs
    assert len(back) == len(store)
    for was, now in zip(store, back, strict=True):
        for key in was.steps:
            np.testing.assert_array_equal(now[key], was[key], err_msg=key)
