"""Ours → a format → ours: every key, every number, as it was; and nothing half where it fails."""

import numpy as np
import pytest

from foreworld.data.exporting import export_store
from foreworld.data.formats import open_source, recognise
from foreworld.vocab import Spec
from tests.data import stores

FORMATS = [
    ("minari", {}), ("hdf5", {}), ("zarr", {}), ("zarr", {"zarr_format": 3}), ("mcap", {})
]  # fmt: skip
NONE = stores.SPECS | {"action": Spec((0,), "float32", "vector")}


@pytest.mark.parametrize(("format", "settings"), FORMATS)
@pytest.mark.parametrize(
    "specs", [stores.SPECS, stores.CHOICES, NONE], ids=["box", "choice", "none"]
)
def test_nothing_is_lost(tmp_path, format, settings, specs):
    store, back = stores.there_and_back(tmp_path, format, specs, **settings)
    stores.assert_same(store, back)


@pytest.mark.parametrize(("format", "settings"), FORMATS)
def test_what_we_write_is_recognised_and_says_its_rate(tmp_path, format, settings):
    store = stores.make(tmp_path / "store")
    export_store(store, tmp_path / "out", format, 12.5, settings)
    assert recognise(tmp_path / "out") == format
    source = open_source(tmp_path / "out")
    assert source.fps == (None if format == "mcap" else 12.5) and len(source) == len(store)
    recording = source[2]
    assert recording.task == "push the café left"
    assert recording.terminal is True and source[1].terminal is False
    (front,) = (c for name, c in recording.columns.items() if name.endswith("front"))
    np.testing.assert_allclose(front.stamps, np.arange(12) / 12.5)
    np.testing.assert_array_equal(front.read([0, 3, 3, 11]), store[2]["front"][[0, 3, 3, 11]])
    source.close()


@pytest.mark.parametrize("format", ["minari", "hdf5", "mcap"])
def test_an_episode_without_a_step_is_refused_whole(tmp_path, format):
    store = stores.make(tmp_path / "store", lengths=(4, 1))
    with pytest.raises(ValueError, match="episode 1 has one row.*zarr"):
        export_store(store, tmp_path / "out", format, 10.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


def test_zarr_keeps_episodes_of_one_row_and_chunks_of_many(tmp_path, monkeypatch):
    monkeypatch.setattr("foreworld.data.zarr_writer.CHUNK_BYTES", 20_000)  # three pictures
    store = stores.make(tmp_path / "store", lengths=(8, 1, 5))
    export_store(store, tmp_path / "out", "zarr", 10.0)
    assert len(list((tmp_path / "out" / "data" / "front").glob("*.0.0.0"))) == 5
    source = open_source(tmp_path / "out")
    columns = [source[n].columns["front"] for n in range(3)]
    for episode, column in zip(store, columns, strict=True):
        rows = np.arange(len(episode))
        np.testing.assert_array_equal(column.read(rows), episode["front"])


def test_keys_that_zarr_cannot_tell_apart_are_refused(tmp_path):
    specs = {name: Spec((1,), "float32", "vector") for name in ("a/b", "a.b", "action")}
    store = stores.make(tmp_path / "store", specs)
    with pytest.raises(ValueError, match="rename one"):
        export_store(store, tmp_path / "out", "zarr", 10.0)
    with pytest.raises(ValueError, match="valid: 2, 3"):
        export_store(store, tmp_path / "out", "zarr", 10.0, {"zarr_format": 4})
