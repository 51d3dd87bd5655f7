from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.episodes import EpisodeStore, chunk
from foreworld.vocab import Spec


@pytest.fixture
def store(tmp_path, specs):
    with EpisodeStore.create(tmp_path / "store", specs, chunk_steps=50) as store:
        yield store


def fill(store, episode, lengths):
    episodes = [episode(length, seed) for seed, length in enumerate(lengths)]
    assert [store.append(e) for e in episodes] == list(range(len(lengths)))
    return episodes


def test_what_goes_in_comes_out(store, episode, same, specs):
    written = fill(store, episode, [20, 30, 1, 70, 2])  # 70 is longer than a chunk
    reader = EpisodeStore.open(store.path)
    assert reader.specs == specs
    for source in (store, reader):
        assert len(source) == 5
        assert source.num_steps == 123
        assert source.lengths.tolist() == [20, 30, 1, 70, 2]
        for i, e in enumerate(written):
            same(source[i], e)
        for a, b in zip(source, written, strict=True):
            same(a, b)
    np.testing.assert_allclose(reader.returns, [e["reward"].sum() for e in written], rtol=1e-5)
    assert reader.verify() == []
    assert len(list((store.path / "chunks").iterdir())) == 4


def test_episodes_are_read_only_views_of_the_files(store, episode):
    fill(store, episode, [20])
    values = EpisodeStore.open(store.path)[0]["eye/left"]
    assert not values.flags.writeable
    base = values
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)


def test_torch_takes_the_views_as_they_are(store, episode):
    fill(store, episode, [20])
    e = store[0]
    for key in e.steps:
        copy = torch.empty(e[key].shape, dtype=torch.from_numpy(e[key].copy()).dtype)
        copy.numpy()[...] = e[key]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says that the view is read-only, which it is
            assert torch.equal(torch.from_numpy(e[key]), copy), key


def test_views_outlive_growth_eviction_and_closing(store, episode, same):
    written = fill(store, episode, [20, 20])
    reader = EpisodeStore.open(store.path)
    early, ours = reader[0], store[1]
    for seed in range(2, 12):
        store.append(episode(30, seed))
    store.evict(60)
    store.close()
    same(early, written[0])
    same(ours, written[1])
    same(reader[1], written[1])  # evicted, but this reader has not refreshed


def test_a_reader_sees_appends_after_refresh(store, episode, same):
    reader = EpisodeStore.open(store.path)
    assert len(reader) == 0
    for n in range(8):
        e = episode(20, n)
        store.append(e)
        assert len(reader) == n
        assert reader.refresh()
        assert not reader.refresh()
        same(reader[n], e)


def test_the_store_goes_on_after_reopening(store, episode, same):
    written = fill(store, episode, [20, 20, 20])
    store.close()
    with EpisodeStore.open(store.path, mode="a") as again:
        written.append(episode(33, 9))
        assert again.append(written[-1]) == 3
    reader = EpisodeStore.open(store.path)
    for i, e in enumerate(written):
        same(reader[i], e)


def test_eviction_takes_the_oldest_and_whole_chunks_of_files(store, episode, same):
    written = fill(store, episode, [20] * 10)  # two an chunk
    reader = EpisodeStore.open(store.path)
    assert store.evict(200) == 0
    assert store.evict(70) == 7
    assert store.num_steps == 60
    assert store.ids.tolist() == [7, 8, 9]
    assert len(list((store.path / "chunks").iterdir())) == 2
    assert reader.refresh()
    assert reader.ids.tolist() == [7, 8, 9]
    same(reader[7], written[7])
    with pytest.raises(KeyError, match="7 to 9"):
        reader[6]
    store.close()
    with EpisodeStore.open(store.path, mode="a") as again:
        assert again.append(episode(5)) == 10  # ids are not given twice
        assert again.evict(0) == 4
        assert (len(again), again.num_steps) == (0, 0)
        assert again.append(episode(5)) == 11
        assert again.ids.tolist() == [11]


def test_two_writers_are_told_apart(store):
    with pytest.raises(ValueError, match=rf"writer already \(process {os.getpid()}\)"):
        EpisodeStore.open(store.path, mode="a")
    EpisodeStore.open(store.path)  # readers come and go
    store.close()
    EpisodeStore.open(store.path, mode="a").close()


def test_a_reader_does_not_write(store, episode):
    reader = EpisodeStore.open(store.path)
    for write in (lambda: reader.append(episode(3)), lambda: reader.evict(1)):
        with pytest.raises(ValueError, match="mode='a'"):
            write()


def test_an_episode_of_other_specs_is_refused_and_leaves_no_trace(store, episode):
    e = episode(4)
    wide = type(e)({**e.steps, "vector": np.zeros((4, 6), np.float32)})
    with pytest.raises(ValueError, match="'vector'"):
        store.append(wide)
    assert len(store) == 0
    assert store.append(e) == 0


def test_opening_with_other_specs_names_the_difference(store, specs):
    store.close()
    EpisodeStore.open(store.path, specs=specs)
    specs["vector"] = Spec((6,), "float32", "vector")
    with pytest.raises(ValueError, match="'vector'"):
        EpisodeStore.open(store.path, mode="a", specs=specs)
    EpisodeStore.open(store.path, mode="a").close()  # the lock was let go


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no manifest.json"),
        ("{", "manifest.json"),
        ("[]", "manifest.json"),
        ('{"format": "parquet"}', "parquet"),
        ('{"format": "foreworld-episodes", "version": 99}', "version 99"),
    ],
)
def test_foreign_directories_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        EpisodeStore.open(tmp_path)


def test_create_wants_an_empty_place(store, tmp_path, specs):
    with pytest.raises(ValueError, match="mode='a'"):
        EpisodeStore.create(store.path, specs)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        EpisodeStore.create(tmp_path, specs)
    with pytest.raises(ValueError, match="'w'"):
        EpisodeStore.open(store.path, mode="w")


def test_damage_is_found(store, episode):
    fill(store, episode, [20] * 6)
    store.close()
    first, second, _ = sorted((store.path / "chunks").iterdir())
    rows = bytearray((second / "rows.bin").read_bytes())
    rows[-1] ^= 1
    (second / "rows.bin").write_bytes(rows)
    assert EpisodeStore.open(store.path).verify() == [3]
    (second / "rows.bin").write_bytes(rows[:100])
    with pytest.raises(ValueError, match="shorter than its index"):
        EpisodeStore.open(store.path)
    (second / "rows.bin").write_bytes(rows)
    (first / "index.bin").write_bytes((first / "index.bin").read_bytes()[:-1])
    with pytest.raises(ValueError, match="1 of its episodes"):
        EpisodeStore.open(store.path, mode="a")
    with pytest.raises(ValueError, match="1 of its episodes"):  # the first attempt let the lock go
        EpisodeStore.open(store.path, mode="a")


@pytest.mark.parametrize("file", ["index.bin", "rows.bin"])
def test_a_tail_cut_anywhere_costs_the_last_episodes_only(tmp_path, store, episode, same, file):
    written = fill(store, episode, [9, 8, 7])
    store.close()
    size = next(store.path.glob(f"chunks/*/{file}")).stat().st_size
    for kept in np.linspace(0, size, 23).astype(int):
        copy = tmp_path / f"copy{kept}"
        shutil.copytree(store.path, copy)
        os.truncate(next(copy.glob(f"chunks/*/{file}")), kept)
        with EpisodeStore.open(copy, mode="a") as repaired:
            survived = len(repaired)
            assert repaired.append(written[2]) == survived
        reader = EpisodeStore.open(copy)
        for i, e in enumerate([*written[:survived], written[2]]):
            same(reader[i], e)
        assert survived == 3 if kept == size else survived < 3


def test_a_reader_ignores_a_record_that_is_half_written(store, episode):
    fill(store, episode, [9, 8])
    index = next(store.path.glob("chunks/*/index.bin"))
    whole = index.read_bytes()
    index.write_bytes(whole[:-5])
    reader = EpisodeStore.open(store.path)
    assert len(reader) == 1
    index.write_bytes(whole)
    assert reader.refresh()
    assert len(reader) == 2


@pytest.mark.parametrize("byte", range(0, 32, 5))
def test_a_garbled_record_ends_the_store(store, episode, byte):
    fill(store, episode, [9, 8])
    store.close()
    index = next(store.path.glob("chunks/*/index.bin"))
    data = bytearray(index.read_bytes())
    data[-32 + byte] ^= 4
    index.write_bytes(data)
    assert len(EpisodeStore.open(store.path)) == 1
    with EpisodeStore.open(store.path, mode="a") as repaired:
        assert repaired.append(episode(5)) == 1


def test_an_eviction_cut_short_is_finished_by_the_next_writer(store, episode, same):
    written = fill(store, episode, [40] * 4)  # one a chunk
    store.close()
    first, second, *_ = sorted((store.path / "chunks").iterdir())
    (store.path / "evicted.json").write_text('{"below": 2}')
    (first / "index.bin").unlink()
    reader = EpisodeStore.open(store.path)
    assert reader.ids.tolist() == [2, 3]
    same(reader[2], written[2])
    EpisodeStore.open(store.path, mode="a").close()
    assert not first.exists()
    assert not second.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import killed_writer

    specs = {
        "image": Spec((32, 32, 3), "uint8", "image"),
        "action": Spec((2,), "float32", "vector"),
    }
    path = tmp_path / "store"
    EpisodeStore.create(path, specs, chunk_steps=2000).close()
    generator = np.random.default_rng(0)
    acknowledged = 0
    with subprocess.Popen(
        [sys.executable, killed_writer.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as nursery:
        for _ in range(20):
            nursery.stdin.write(f"{path}\n".encode())
            nursery.stdin.flush()
            acknowledged = max(acknowledged, _kill_midway(nursery.stdout, generator))
        nursery.stdin.close()
    store = EpisodeStore.open(path)
    assert acknowledged > 40
    assert len(store) > acknowledged
    for id in store.ids.tolist():
        expected = killed_writer.episode(id)
        for key in expected.steps:
            np.testing.assert_array_equal(store[id][key], expected[key], strict=True)
    assert store.verify() == []


def _kill_midway(output, generator) -> int:
    """Waits for the first acknowledged id, then a random moment; returns the last id printed."""
    words = [output.readline().split() for _ in range(2)]  # pid and first id, in either order
    pid = next(int(w[1]) for w in words if w[0] == b"pid")
    last = next(int(w[0]) for w in words if w[0] != b"pid")
    time.sleep(generator.uniform(0, 0.02))
    os.kill(pid, 9)
    while (line := output.readline().strip()) != b"dead":
        last = int(line)
    return last


def test_a_killed_writer_leaves_chunks_half_made(store, episode, same):
    written = fill(store, episode, [9])
    store.close()
    (store.path / "chunks" / f"{1:012d}").mkdir()  # killed between mkdir and the first row
    (store.path / "chunks" / ".trash").mkdir()
    reader = EpisodeStore.open(store.path)
    with EpisodeStore.open(store.path, mode="a") as again:
        assert again.append(episode(30, 1)) == 1
    reader.refresh()
    same(reader[0], written[0])
    same(reader[1], episode(30, 1))


@pytest.mark.parametrize("fails", [0, 1])
def test_a_write_that_fails_midway_is_written_over(store, episode, same, monkeypatch, fails):
    written = fill(store, episode, [9])
    real, calls = chunk._write, []

    def write_half(file, data, position):
        calls.append(position)
        if len(calls) == fails + 1:
            real(file, data[: len(data) // 2], position)
            raise OSError("no space left on device")
        real(file, data, position)

    monkeypatch.setattr(chunk, "_write", write_half)
    with pytest.raises(OSError, match="space"):
        store.append(episode(20, 3))
    assert len(EpisodeStore.open(store.path)) == 1
    assert store.append(episode(11, 1)) == 1
    for i, e in enumerate([*written, episode(11, 1)]):
        same(EpisodeStore.open(store.path)[i], e)


def test_the_manifest_says_what_is_inside(store, specs):
    manifest = json.loads((store.path / "manifest.json").read_text())
    assert manifest["format"] == "foreworld-episodes"
    assert {k: Spec.from_json(s) for k, s in manifest["specs"].items()} == specs


def test_appending_is_fast(tmp_path):
    """Far below what it does (20,000 and more), far above what per-row Python would do."""
    rows = np.arange(500)
    steps = {
        "image": np.zeros((500, 64, 64, 3), np.uint8),
        "action": np.zeros((500, 2), np.float32),
        "reward": np.zeros(500, np.float32),
        "is_first": rows == 0,
        "is_last": rows == 499,
        "is_terminal": rows < 0,
    }
    specs = {
        "image": Spec((64, 64, 3), "uint8", "image"),
        "action": Spec((2,), "float32", "vector"),
    }
    from foreworld.vocab import Episode

    with EpisodeStore.create(tmp_path / "store", specs) as store:
        start = time.process_time()
        for _ in range(4):
            store.append(Episode(steps))
        assert 2000 / (time.process_time() - start) > 5000
