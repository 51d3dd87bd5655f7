"""Recordings for Rerun's viewer: what we write is what its own tools find in there."""

import subprocess
import sys

import pytest

from foreworld.data.exporting import export_store
from foreworld.episodes import EpisodeStore
from tests.data import stores

rerun = pytest.importorskip("rerun")


@pytest.fixture
def store(tmp_path):
    stores.make(tmp_path / "store")
    with EpisodeStore.open(tmp_path / "store") as store:
        yield store


def printed(file):
    command = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("codec", ["png", "jpeg"])
def test_every_key_of_every_episode_is_there(tmp_path, store, codec):
    export_store(store, tmp_path / "out", "rerun", 10.0, {"codec": codec})
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"episode_{n:06d}.rrd" for n in range(len(store))]
    told = printed(files[0])
    for key in store.specs:
        assert f"/{key}" in told, key
    assert f"image/{codec}" in told
    assert f"{store[0]['reward'][1]:.3f}"[:5] in told


def test_an_unknown_codec_is_named(tmp_path, store):
    with pytest.raises(ValueError, match="codec='gif'; valid: 'png', 'jpeg'"):
        export_store(store, tmp_path / "out", "rerun", 10.0, {"codec": "gif"})
    assert not (tmp_path / "out").exists()
