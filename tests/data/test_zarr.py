"""Replay buffers: made by hand here, by the zarr package in test_formats_public.py."""

import gzip
import json
import zipfile

import numpy as np
import pytest

from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.data.zarr_array import Folder, ZarrArray
from foreworld.episodes import EpisodeStore

RNG = np.random.default_rng(0)


def write_array(folder, values, chunks, pack=gzip.compress, order="C", **changes):
    """An array of zarr 2, chunk by chunk, in so few lines that they can be believed."""
    folder.mkdir(parents=True)
    codec = {"id": "gzip", "level": 1} if pack is gzip.compress else None
    document = {
        "zarr_format": 2, "shape": list(values.shape), "chunks": list(chunks),
        "dtype": values.dtype.str, "compressor": codec, "fill_value": 0, "order": order,
        "filters": None, **changes,
    }  # fmt: skip
    (folder / ".zarray").write_text(json.dumps(document))
    grid = [-(-n // c) for n, c in zip(values.shape, chunks, strict=True)]
    for at in np.ndindex(*grid):
        chunk = np.zeros(chunks, values.dtype)
        spans = [slice(n * c, (n + 1) * c) for n, c in zip(at, chunks, strict=True)]
        part = values[tuple(spans)]
        chunk[tuple(slice(0, n) for n in part.shape)] = part
        (folder / ".".join(map(str, at))).write_bytes(pack(chunk.tobytes(order)))


def buffer(path, lengths=(4, 7, 5), **arrays):
    """A replay buffer as PushT's: pictures in floats, agent and block in one state."""
    rows = sum(lengths)
    told = {
        "img": np.round(RNG.uniform(0, 255, (rows, 16, 16, 3))).astype("f4"),
        "state": RNG.normal(size=(rows, 5)).astype("f4"),
        "action": RNG.uniform(0, 512, (rows, 2)).astype("f4"),
    } | arrays
    for name, values in told.items():
        write_array(path / "data" / name, values, (6, *values.shape[1:]))
    ends = np.cumsum(lengths).astype(np.int64)
    write_array(path / "meta" / "episode_ends", ends, (len(ends),), pack=bytes)
    for group in (path, path / "data", path / "meta"):
        (group / ".zgroup").write_text('{"zarr_format": 2}')
    return told


@pytest.mark.parametrize("zipped", [False, True])
def test_a_buffer_of_pusht(tmp_path, zipped):
    path = tmp_path / "pusht.zarr"
    told = buffer(path)
    if zipped:
        path = tmp_path / "pusht.zarr.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for part in (tmp_path / "pusht.zarr").rglob("*"):
                if part.is_file():
                    archive.write(part, part.relative_to(tmp_path / "pusht.zarr"))
    assert recognise(path) == "zarr"
    source = open_source(path)
    assert source.features["img"].content == "image" and source.fps == 1.0
    import_dataset(source, tmp_path / "imported", usual(source), workers=1)
    store = EpisodeStore.open(tmp_path / "imported")
    assert store.lengths.tolist() == [4, 7, 5]
    for now, start in zip(store, (0, 4, 11), strict=True):
        rows = slice(start, start + len(now))
        np.testing.assert_array_equal(now["img"], told["img"][rows])
        np.testing.assert_array_equal(now["state"], told["state"][rows])
        np.testing.assert_array_equal(now["action"][:-1], told["action"][rows][:-1])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("chunks", [(3, 2, 4), (10, 5, 4), (1, 1, 1), (4, 5, 3)])
def test_chunks_of_every_shape(tmp_path, order, chunks):
    values = RNG.normal(size=(10, 5, 4))
    write_array(tmp_path / "a", values, chunks, order=order)
    array = ZarrArray(files := Folder(tmp_path), "a", files.sizes())
    for start, stop in ((0, 10), (3, 8), (9, 10), (5, 5)):
        np.testing.assert_array_equal(array[start:stop], values[start:stop])


def test_a_chunk_that_is_missing_is_filled_in_numbers_and_not_in_pictures(tmp_path):
    buffer(tmp_path / "a.zarr", reward=np.ones(16, "f4"))
    (tmp_path / "a.zarr" / "data" / "reward" / "0").unlink()
    source = open_source(tmp_path / "a.zarr")
    assert source[1].columns["reward"].read(range(7)).tolist() == [0, 0, 1, 1, 1, 1, 1]
    (tmp_path / "a.zarr" / "data" / "img" / "1.0.0.0").unlink()
    with pytest.raises(ValueError, match=r"data/img/1.0.0.0: this chunk is missing"):
        open_source(tmp_path / "a.zarr")[1].columns["img"].read(range(7))


def test_rewards_of_others_follow_their_action(tmp_path):
    buffer(tmp_path / "a.zarr", reward=np.arange(16, dtype="f4"))
    source = open_source(tmp_path / "a.zarr")
    assert source.features["reward"].moment == "after"


def test_rows_beyond_the_last_end_are_nobodys(tmp_path):
    buffer(tmp_path / "a.zarr")
    (tmp_path / "a.zarr/meta/episode_ends/0").write_bytes(np.array([4, 9, 13], "<i8").tobytes())
    assert [len(r.columns["img"].stamps) for r in open_source(tmp_path / "a.zarr")] == [4, 5, 4]
