"""Bytes flipped, overwritten and cut at random: what cannot be read is Broken, and nothing else."""

import shutil

import numpy as np
import pytest

from foreworld.data.exporting import export_store
from foreworld.data.formats import FORMATS, resolve
from foreworld.data.recording import Broken
from tests.data import bags, records, stores

TIMES = 15
DATASETS = ("minari", "hdf5", "zarr", "rlds", "npz", "mcap")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    store = stores.make(root / "store", lengths=(3, 4))
    for format in ("minari", "hdf5", "zarr"):
        export_store(store, root / format, format, 10.0)
        (root / format / "foreworld.json").unlink()
    records.write(root / "rlds", [records.episode(n, 3)[0] for n in range(4)], records.STEP)
    (root / "npz").mkdir()
    seen = np.zeros((4, 20, 20, 3), np.uint8)
    np.savez_compressed(
        root / "npz" / "0.npz", x=seen, action=seen[:, 0, 0, 0], is_first=[1, 0, 0, 0]
    )
    (root / "mcap").mkdir()
    bags.json_channels(root / "mcap" / "a.mcap", rows=3)
    bags.ros2(root / "mcap" / "b.mcap", rows=2)
    return root


def read_everything(name, path):
    source = resolve(FORMATS["rlds" if name == "npz" else name])(path)
    try:
        for recording in source:
            for column in recording.columns.values():
                column.read(np.arange(len(column.stamps)))
    finally:
        source.close()


def spoil(path, rng):
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.stat().st_size)
    file = files[rng.integers(len(files))]
    data = bytearray(file.read_bytes())
    at, way = rng.integers(len(data)), rng.integers(3)
    if way == 0:
        del data[at:]
    elif way == 1:
        data[at] ^= rng.integers(1, 256)
    else:
        data[at : at + 8] = b"\xff" * len(data[at : at + 8])
    file.write_bytes(data)


@pytest.mark.parametrize("name", DATASETS)
def test_damage_is_refused_or_does_no_harm(tmp_path, sound, name):
    read_everything(name, sound / name)
    rng, refused = np.random.default_rng(DATASETS.index(name)), 0
    for n in range(TIMES):
        path = tmp_path / str(n)
        shutil.copytree(sound / name, path)
        spoil(path, rng)
        try:
            read_everything(name, path)
        except Broken as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > TIMES // 3  # most bytes of a small file matter
