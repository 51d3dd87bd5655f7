"""Small LeRobot datasets: ours, as the writer leaves them, and pieces to spoil them with."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from foreworld.data.exporting import export_store
from foreworld.episodes import EpisodeStore
from foreworld.vocab import Episode, Spec

SPECS = {
    "top": Spec((32, 48, 3), "uint8", "image"),
    "wrist": Spec((33, 31, 3), "uint8", "image"),  # odd sides
    "grey": Spec((32, 32, 1), "uint8", "image"),
    "state": Spec((3,), "float32", "vector", low=-3.0, high=3.0, unit="m", names=("x", "y", "z")),
    "grid": Spec((2, 3), "float64", "vector", record=True),
    "level": Spec((), "int64", "discrete", classes=(5,)),
    "touch": Spec((), "bool", "vector", observed=False),
    "instruction": Spec((24,), "uint8", "text"),
    "note": Spec((9,), "uint8", "text"),
    "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0, unit="N"),
}
DATA = "data/chunk-000/file-000.parquet"
LISTED = "meta/episodes/chunk-000/file-000.parquet"
FILM = "videos/observation.images.top/chunk-000/file-000.mp4"


def letters(text, room):
    data = text.encode()
    return np.frombuffer(data.ljust(room, b"\0"), np.uint8)


def episode(number, length, specs):
    """Noise in every key; the even ones end in the world, the last changes its instruction."""
    rng = np.random.default_rng(number)
    rows = np.arange(length)
    steps = {}
    for key, spec in specs.items():
        shape = (length, *spec.shape)
        if spec.kind == "image":
            steps[key] = rng.integers(0, 256, shape, dtype=np.uint8)
        elif spec.kind == "discrete":
            steps[key] = rng.integers(0, spec.classes[0], shape)
        elif spec.dtype == "bool":
            steps[key] = rng.random(shape) < 0.5
        elif spec.kind == "vector":
            steps[key] = rng.uniform(-1, 1, shape).astype(spec.dtype)
    task = [("push", "zieh den Käse")[number % 2]] * length
    if number == 2:
        task[length // 2 :] = ["now stop"] * (length - length // 2)
    texts = {"instruction": task, "note": [f"row {n}" for n in rows]}
    for key in texts.keys() & specs.keys():
        steps[key] = np.stack([letters(text, specs[key].shape[0]) for text in texts[key]])
    steps["action"][-1] = 0
    steps["reward"] = np.append(0, rng.normal(size=length - 1)).astype(np.float32)
    steps["is_first"], steps["is_last"] = rows == 0, rows == length - 1
    steps["is_terminal"] = steps["is_last"] & (number % 2 == 0)
    return Episode(steps)


def make_store(path, specs=SPECS, count=3, length=12):
    store = EpisodeStore.create(path, specs)
    for number in range(count):
        store.append(episode(number, length + number, specs))
    store.close()  # to writing
    return store


def make_dataset(folder, fps=10, specs=SPECS, length=12, **settings):
    """A dataset as we write it, and the store that it came from."""
    store = make_store(Path(folder) / "store", specs, length=length)
    export_store(store, Path(folder) / "dataset", "lerobot", fps, settings)
    return Path(folder) / "dataset", store


def edit_json(file, change):
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def edit_table(file, **columns):
    """Replaces columns of a parquet file, or what functions of a column make of it; None drops."""
    table = pq.read_table(file)
    for name, given in columns.items():
        at = table.column_names.index(name)
        if given is None:
            table = table.remove_column(at)
            continue
        values = given(table.column(name).to_pylist()) if callable(given) else given
        typed = values if isinstance(values, pa.Array) else pa.array(values)
        table = table.set_column(at, name, typed)
    pq.write_table(table, file)


def put(row, value):
    """A change to one row of a column."""

    def change(values):
        values[row] = value
        return values

    return change
