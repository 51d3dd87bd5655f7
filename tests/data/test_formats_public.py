"""What the formats' own packages write is read, and what we write they read; where installed."""

import numpy as np
import pytest

from foreworld.data.formats import open_source
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from tests.data import stores


def imported(path, tmp_path, format, mapping=None):
    source = open_source(path, format)
    import_dataset(source, tmp_path / "imported", mapping or usual(source), workers=1)
    return source, EpisodeStore.open(tmp_path / "imported")


def minari_dataset(folder, form, spaces, rng, jpeg=True):
    """Two episodes that the minari package wrote: dicts, a tuple, pictures, words, choices."""
    storage = pytest.importorskip("minari.dataset.minari_storage")
    buffer = pytest.importorskip("minari.data_collector.episode_buffer")
    if form != "hdf5":
        pytest.importorskip("pyarrow")
    space = spaces.Dict(
        camera=spaces.Box(0, 255, (32, 40, 3), np.uint8),
        arm=spaces.Dict(joints=spaces.Box(-np.inf, np.inf, (3,), np.float64)),
        pair=spaces.Tuple((spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(3))),
        mission=spaces.Text(20),
    )
    made = storage.MinariStorage.new(
        folder, space, spaces.Discrete(4, start=2), data_format=form, jpeg_encoding=jpeg
    )
    smooth = np.linspace(0, 200, 32 * 40 * 3).reshape(32, 40, 3).astype(np.uint8)
    episodes = []
    for steps in (5, 8):
        camera = smooth + np.arange(steps + 1, dtype=np.uint8)[:, None, None, None]
        pair = (rng.uniform(-1, 1, (steps + 1, 2)).astype("f4"), rng.integers(0, 3, steps + 1))
        seen = {
            "camera": camera,
            "arm": {"joints": rng.normal(size=(steps + 1, 3))},
            "pair": pair,
            "mission": ["go to the red ball"] * (steps + 1),
        }
        ended = np.arange(steps) == steps - 1
        rewards, never = rng.normal(size=steps), np.zeros(steps, bool)
        actions = rng.integers(2, 6, steps)
        episode = buffer.EpisodeBuffer(
            observations=seen, actions=actions, rewards=rewards, terminations=ended,
            truncations=never, infos={"success": np.append(False, ended)}, seed=steps,
        )  # fmt: skip
        made.update_episodes([episode])
        episodes.append(episode)
    return episodes


@pytest.mark.parametrize("form", ["hdf5", "arrow", "parquet"])
@pytest.mark.parametrize("jpeg", [True, False])
def test_what_minari_writes_is_read(tmp_path, form, jpeg):
    spaces = pytest.importorskip("gymnasium.spaces")
    folder = tmp_path / "data"
    folder.mkdir()
    episodes = minari_dataset(folder, form, spaces, np.random.default_rng(0), jpeg)
    source, store = imported(tmp_path, tmp_path, "minari")
    assert len(store) == 2 and source.features["actions"].classes == 4
    for told, now in zip(episodes, store, strict=True):
        assert len(now) == len(told.rewards) + 1
        np.testing.assert_allclose(now["arm.joints"], told.observations["arm"]["joints"], 1e-6)
        np.testing.assert_array_equal(now["pair._index_0"], told.observations["pair"][0])
        np.testing.assert_array_equal(now["pair._index_1"], told.observations["pair"][1])
        np.testing.assert_array_equal(now["action"][:-1], told.actions - 2)
        np.testing.assert_allclose(now["reward"][1:], told.rewards, 1e-6)
        off = np.abs(now["camera"].astype(int) - told.observations["camera"])
        assert off.max() <= (12 if jpeg else 0)
        assert now["instruction"][0].tobytes().rstrip(b"\0") == b"go to the red ball"
        assert now["is_terminal"].tolist() == [False] * len(told.rewards) + [True]


def test_minari_reads_what_we_write(tmp_path):
    minari = pytest.importorskip("minari")
    store, _ = stores.there_and_back(tmp_path, "minari")
    theirs = minari.MinariDataset(tmp_path / "out" / "data")
    assert len(theirs) == len(store) and theirs.total_steps == store.num_steps - len(store)
    for ours, episode in zip(store, theirs, strict=True):
        assert theirs.action_space.contains(episode.actions[0])
        for key in ("front", "grey", "touch", "mode"):
            np.testing.assert_array_equal(episode.observations[key], ours[key])
        np.testing.assert_array_equal(episode.observations["arm"]["joints"], ours["arm/joints"])
        np.testing.assert_array_equal(episode.infos["cup"], ours["cup"])
        np.testing.assert_array_equal(episode.actions, ours["action"][:-1])
        np.testing.assert_array_equal(episode.rewards, ours["reward"][1:])
        assert bool(episode.terminations[-1]) == bool(ours["is_terminal"][-1])


@pytest.mark.parametrize("version", [2, 3])
def test_what_the_zarr_package_writes_is_read(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    rng, ends = np.random.default_rng(0), [4, 11, 16]
    told = {
        "camera0_rgb": rng.integers(0, 256, (16, 24, 24, 3), np.uint8),
        "state": rng.normal(size=(16, 3, 2)),
        "action": rng.uniform(-1, 1, (16, 2)).astype("f4"),
    }
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    data, meta = root.create_group("data"), root.create_group("meta")
    for name, values in told.items():
        made = data.create_array(
            name, shape=values.shape, chunks=(5, *values.shape[1:]), dtype=values.dtype
        )
        made[:] = values
    made = meta.create_array("episode_ends", shape=(3,), dtype="int64")
    made[:] = ends
    _, store = imported(tmp_path / "a.zarr", tmp_path, "zarr")
    for now, start, stop in zip(store, [0, *ends], ends, strict=False):
        np.testing.assert_array_equal(now["camera0_rgb"], told["camera0_rgb"][start:stop])
        np.testing.assert_allclose(now["state"], told["state"][start:stop], 1e-6)
        np.testing.assert_array_equal(now["action"][:-1], told["action"][start : stop - 1])


@pytest.mark.parametrize("version", [2, 3])
def test_the_zarr_package_reads_what_we_write(tmp_path, version):
    zarr = pytest.importorskip("zarr")
    store, _ = stores.there_and_back(tmp_path, "zarr", zarr_format=version)
    root = zarr.open_group(tmp_path / "out", mode="r")
    ends = np.asarray(root["meta"]["episode_ends"])
    assert ends.tolist() == np.cumsum(store.lengths).tolist()
    for name in ("front", "arm/joints", "touch", "mode", "cup", "state", "action", "reward"):
        whole = np.asarray(root["data"][name.replace("/", ".")])
        assert len(whole) == ends[-1]
        for ours, start, stop in zip(store, [0, *ends], ends, strict=False):
            np.testing.assert_array_equal(whole[start:stop], ours[name])


def test_what_a_public_writer_of_records_writes_is_read(tmp_path):
    writer = pytest.importorskip("tfrecord.writer")
    records = [np.random.default_rng(n) for n in range(3)]
    file = writer.TFRecordWriter(str(tmp_path / "toy-train.tfrecord-00000-of-00001"))
    states = []
    for n, rng in enumerate(records):
        rows = np.arange(5 + n)
        states.append(rng.normal(size=(5 + n, 3)).astype("f4"))
        file.write({
            "steps/observation/state": (states[-1].ravel().tolist(), "float"),
            "steps/action": (rng.uniform(-1, 1, 2 * len(rows)).tolist(), "float"),
            "steps/is_first": ((rows == 0).astype(int).tolist(), "int"),
            "steps/is_last": ((rows == rows[-1]).astype(int).tolist(), "int"),
            "steps/language_instruction": ([b"go"] * len(rows), "byte"),
        })  # fmt: skip
    file.close()
    _, store = imported(tmp_path, tmp_path, "rlds")
    for state, now in zip(states, store, strict=True):
        np.testing.assert_array_equal(now["state"], state)
        assert now["instruction"][0].tobytes() == b"go"


def test_what_foxglove_writes_is_read(tmp_path):
    foxglove = pytest.importorskip("foxglove")
    channels = pytest.importorskip("foxglove.channels")
    schemas = pytest.importorskip("foxglove.schemas")
    frames = np.arange(3 * 8 * 10 * 3, dtype=np.uint8).reshape(3, 8, 10, 3)
    with foxglove.open_mcap(str(tmp_path / "a.mcap")):
        camera = channels.RawImageChannel("/camera")
        said = foxglove.Channel("/state", message_encoding="json")
        for n, frame in enumerate(frames):
            image = schemas.RawImage(
                width=10, height=8, encoding="rgb8", step=30, data=frame.tobytes()
            )
            camera.log(image, log_time=1000 + n)
            said.log({"x": n}, log_time=1000 + n)
    source = open_source(tmp_path / "a.mcap", "mcap")
    columns = source[0].columns
    np.testing.assert_array_equal(columns["/camera"].read([0, 1, 2]), frames)
    assert columns["/state"].read([0, 1, 2]).tolist() == [0, 1, 2]
