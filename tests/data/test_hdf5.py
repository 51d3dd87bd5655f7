"""HDF5 as others lay it out: which rows are whose, what follows an action, what is a picture."""

import io
import json

import h5py
import numpy as np
import pytest
from PIL import Image

from foreworld.data.formats import open_source
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore

RNG = np.random.default_rng(0)


def imported(path, tmp_path):
    source = open_source(path, "hdf5")
    import_dataset(source, tmp_path / "imported", usual(source), workers=1)
    return source, EpisodeStore.open(tmp_path / "imported")


def frames(rows):
    return RNG.integers(0, 256, (rows, 16, 20, 3), np.uint8)


def robomimic(path, lengths=(5, 12, 4), following=True):
    """Groups demo_0, demo_1, demo_10, of which names sort the last between the others."""
    told = {}
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps(
            {"env_name": "Lift", "env_kwargs": {"control_freq": 20}}
        )
        data.attrs["problem_info"] = json.dumps({"language_instruction": "lift the cube"})
        data.attrs["total"] = sum(lengths)
        for number, length in zip((0, 1, 10), lengths, strict=True):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = length
            seen = {"image": frames(length + 1), "eef": RNG.normal(size=(length + 1, 3))}
            for name, values in seen.items():
                demo[f"obs/{name}"] = values[:-1]
                if following:
                    demo[f"next_obs/{name}"] = values[1:]
            demo["actions"] = RNG.uniform(-1, 1, (length, 7))
            demo["rewards"] = np.arange(length) == length - 1.0
            demo["dones"] = np.arange(length) == length - 1
            demo["camera_matrix"] = np.eye(3)  # no row of time, and no harm
            told[number] = (seen, demo["actions"][:])
    return list(told.values())


@pytest.mark.parametrize("following", [True, False])
def test_robomimic_and_libero(tmp_path, following):
    told = robomimic(tmp_path / "demo.hdf5", following=following)
    source, store = imported(tmp_path / "demo.hdf5", tmp_path)
    assert source.fps == 20 and source[0].task == "lift the cube"
    assert "next_obs/image" not in source.features and "camera_matrix" not in source.features
    for (seen, actions), now in zip(told, store, strict=True):
        length = len(actions)
        # The last observation is in next_obs, or else the one before it stands in for it.
        last = -1 if following else -2
        np.testing.assert_array_equal(now["image"][:length], seen["image"][:length])
        np.testing.assert_array_equal(now["image"][length], seen["image"][last])
        np.testing.assert_allclose(now["action"][:length], actions, 1e-6)
        assert now["reward"][-1] == 1 and now["reward"][:-1].sum() == 0


def test_more_observations_than_actions(tmp_path):
    with h5py.File(tmp_path / "maniskill.h5", "w") as file:
        for n, length in enumerate((4, 6)):
            group = file.create_group(f"traj_{n}")
            group["obs/state"] = np.arange(length + 1.0)[:, None]
            group["actions"] = RNG.normal(size=(length, 2))
            group["rewards"] = np.ones(length)
            group["terminated"] = np.arange(length) == length - 1
    _, store = imported(tmp_path / "maniskill.h5", tmp_path)
    assert store.lengths.tolist() == [5, 7] and store[0]["is_terminal"][-1]
    assert store[1]["state"][:, 0].tolist() == list(range(7))
    assert store.returns.tolist() == [4, 6]


def flat(path, **extra):
    rows = np.arange(12)
    with h5py.File(path, "w") as file:
        file["observations"] = rows[:, None].astype("f4")
        file["actions"] = RNG.normal(size=(12, 2)).astype("f4")
        file["rewards"] = rows.astype("f4")
        for name, values in extra.items():
            file[name.replace("__", "/")] = np.asarray(values)
    return path


ENDS = {
    "flags": {"terminals": np.isin(np.arange(12), [3]), "timeouts": np.isin(np.arange(12), [9])},
    "episode_ends": {"meta__episode_ends": [4, 10, 12]},
    "lengths": {"ep_len": [4, 6, 2], "ep_offset": [0, 4, 10]},
    "numbers": {"episode_index": [5] * 4 + [7] * 6 + [1] * 2},
}


@pytest.mark.parametrize("name", ENDS)
def test_rows_of_all_episodes_in_one(tmp_path, name):
    source = open_source(flat(tmp_path / "flat.hdf5", **ENDS[name]), "hdf5")
    seen = [recording.columns["observations"] for recording in source]
    assert [len(column.stamps) for column in seen] == [4, 6, 2]
    assert [int(column.read([0])[0, 0]) for column in seen] == [0, 4, 10]
    if name == "flags":
        assert [recording.terminal for recording in source] == [True, False, False]


def test_the_last_observation_of_flat_rows(tmp_path):
    after = np.arange(1, 13, dtype="f4")[:, None] + 0.5
    path = flat(tmp_path / "d4rl.hdf5", next_observations=after, **ENDS["flags"])
    _, store = imported(path, tmp_path)
    assert store.lengths.tolist() == [5, 7, 3]
    assert store[1]["observations"][:, 0].tolist() == [4, 5, 6, 7, 8, 9, 10.5]
    assert store[1]["reward"].tolist() == [0, 4, 5, 6, 7, 8, 9]


def jpeg(image):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG")
    return np.frombuffer(out.getvalue(), np.uint8)


@pytest.mark.parametrize("packing", ["padded", "varying", "raw", "floats", "units", "channels"])
def test_a_file_an_episode_and_pictures_of_every_packing(tmp_path, packing):
    """ALOHA pads its JPEG files to one length; others keep floats, or channels first."""
    (tmp_path / "aloha").mkdir()
    grey = [np.full((3 + n, 16, 20, 3), 40 * n + 10, np.uint8) for n in range(3)]
    for n in (0, 2, 1):
        with h5py.File(tmp_path / "aloha" / f"episode_{10 * n}.hdf5", "w") as file:
            group = file.create_group("observations/images")
            files = [jpeg(frame) for frame in grey[n]]
            room = max(map(len, files)) + 9
            if packing == "padded":
                group["top"] = np.stack([np.pad(data, (0, room - len(data))) for data in files])
            elif packing == "varying":
                rows = group.create_dataset("top", (len(files),), h5py.vlen_dtype(np.uint8))
                for row, data in enumerate(files):
                    rows[row] = data
            elif packing == "channels":
                group["top"] = np.moveaxis(grey[n], -1, 1)
            else:
                scale = {"raw": 1, "floats": np.float32(1), "units": np.float32(1 / 255)}[packing]
                group["top"] = grey[n] * scale
            file["observations/qpos"] = RNG.normal(size=(3 + n, 14))
            file["observations/depth"] = np.full((3 + n, 16, 20), 1234, np.uint16)
            file["action"] = RNG.normal(size=(3 + n, 14))
            file["language_raw"] = [f"fold {n}".encode()]
    source, store = imported(tmp_path / "aloha", tmp_path)
    assert source.features["observations/depth"].unit == "mm"
    assert [r.task for r in source] == ["fold 0", "fold 1", "fold 2"]
    for n, now in enumerate(store):
        assert now["images.top"].shape == (3 + n, 16, 20, 3)
        assert np.abs(now["images.top"].astype(int) - grey[n]).max() <= 2
        assert (now["depth"] == round(255 * 0.1234)).all()


def test_rows_far_apart_are_read_without_those_between(tmp_path, monkeypatch):
    path = flat(tmp_path / "flat.hdf5", ep_len=[12])
    column = open_source(path, "hdf5")[0].columns["observations"]
    monkeypatch.setattr("foreworld.data.columns.GAP", 3)
    assert column.read([0, 0, 1, 7, 11])[:, 0].tolist() == [0, 0, 1, 7, 11]
    assert column.read([]).shape == (0, 1)
