"""Records in the shape of RLDS, without TensorFlow: numbers, pictures, words, and fillers."""

import json

import numpy as np
import pytest

from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.tfrecord import example, varints
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from tests.data import records


def imported(path, tmp_path):
    source = open_source(path)
    assert source.format == "rlds"
    import_dataset(source, tmp_path / "imported", usual(source), workers=1)
    return source, EpisodeStore.open(tmp_path / "imported")


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("filler", [True, False])
def test_a_dataset_of_tfds(tmp_path, described, filler):
    told = [records.episode(n, 5 + n, filler, terminal=n != 1) for n in range(4)]
    folder = tmp_path / "toy" / "1.0.0"
    records.write(folder, [features for features, _ in told], records.STEP, described=described)
    source, store = imported(tmp_path / "toy", tmp_path)
    order = [0, 2, 1, 3]  # of two shards
    assert ("observation/boxes" in source.features) is False
    assert source.features["observation/depth"].unit == "mm"
    assert source[0].facts["episode_metadata/file_path"] == "/somewhere/else"
    for n, now in zip(order, store, strict=True):
        values, length = told[n][1], 5 + n
        # Without a filler the last action led somewhere that nobody recorded.
        assert len(now) == (length if filler else length + 1)
        np.testing.assert_array_equal(now["image"][:length], values["image"])
        np.testing.assert_allclose(now["state"][:length], values["state"])
        np.testing.assert_array_equal(now["mode"][:length], values["mode"])
        np.testing.assert_array_equal(now["action"][: length - 1], values["action"][: length - 1])
        np.testing.assert_array_equal(now["reward"][1:length], values["reward"][: length - 1])
        grey = np.round(255.0 * values["depth"] / 10_000)
        np.testing.assert_array_equal(now["depth"][:length, ..., 0], grey)
        assert now["instruction"][0].tobytes() == b"push it"
        assert bool(now["is_terminal"][-1]) is (n != 1)
        if described:
            np.testing.assert_allclose(now["packed"][:length], values["packed"], 1e-6)


def test_varints_all_at_once():
    numbers = [0, 1, 127, 128, 300, 2**31, 2**63 - 1, -1, -(2**63), -300]
    data = memoryview(b"".join(map(records.varint, numbers)))
    assert varints(data).tolist() == numbers
    with pytest.raises(ValueError, match="cut short"):
        varints(data[:-1])


def test_numbers_that_are_not_packed_and_lists_of_sequence_examples():
    floats = np.float32([1.5, -2.0])
    loose = records.field(2, b"".join(records.field(1, f.tobytes(), 5) for f in floats))
    whole = records.field(3, b"".join(records.field(1, records.varint(n), 0) for n in (3, 400)))
    entries = [(b"f", loose), (b"i", whole)]
    data = b"".join(records.field(1, records.field(1, k) + records.field(2, v)) for k, v in entries)
    found = example(records.field(1, data), "file", "record")
    assert found["f"].tolist() == [1.5, -2.0] and found["i"].tolist() == [3, 400]
    steps = b"".join(records.field(1, records.feature(f)) for f in ([1.0, 2.0], [3.0, 4.0]))
    data = records.field(1, records.field(1, b"s") + records.field(2, steps))
    assert example(records.field(2, data), "file", "record")["s"].tolist() == [1, 2, 3, 4]


def steps(length, seed=0):
    rng, rows = np.random.default_rng(seed), np.arange(length)
    return {
        "observation/image": rng.integers(0, 256, (length, 16, 20, 3), np.uint8),
        "observation/state": rng.normal(size=(length, 3)).astype("f4"),
        "action": np.where(rows[:, None] < length - 1, rng.uniform(-1, 1, (length, 2)), 0.0),
        "reward": np.where(rows < length - 1, 1.0, 0.0),
        "is_first": rows == 0,
        "is_last": rows == length - 1,
        "is_terminal": rows == length - 1,
        "language_instruction": np.array(["wipe"] * length),
    }


def test_episodes_as_npz(tmp_path):
    told = [steps(4, 1), steps(6, 2)]
    (tmp_path / "shards").mkdir()
    for n, arrays in enumerate(told):
        named = {name.replace("/", "." if n else "/"): values for name, values in arrays.items()}
        np.savez_compressed(tmp_path / "shards" / f"{n}.npz", **named)
    _, store = imported(tmp_path / "shards", tmp_path)
    for arrays, now in zip(told, store, strict=True):
        np.testing.assert_array_equal(now["image"], arrays["observation/image"])
        np.testing.assert_allclose(now["action"], arrays["action"], 1e-6)
        assert now["reward"].tolist() == [0] + [1] * (len(now) - 1)
        assert now["is_terminal"][-1] and now["instruction"][0].tobytes() == b"wipe"


@pytest.mark.parametrize("single", [True, False])
def test_steps_as_lines_of_json(tmp_path, single):
    told, lines = [steps(3, 1), steps(5, 2)], []
    for arrays in told:
        for t in range(len(arrays["action"])):
            row = {name: values[t].tolist() for name, values in arrays.items()}
            seen = {"state": row.pop("observation/state")}
            row.pop("observation/image")
            lines.append(json.dumps({"observation": seen, **row}))
    path = tmp_path / "steps.jsonl" if single else tmp_path / "shards"
    if single:
        path.write_text("\n".join(lines) + "\n")
    else:
        path.mkdir()
        (path / "0.jsonl").write_text("\n".join(lines[:3]))
        (path / "1.jsonl").write_text("\n".join(lines[3:]))
    assert recognise(path) == "rlds"
    _, store = imported(path, tmp_path)
    for arrays, now in zip(told, store, strict=True):
        np.testing.assert_allclose(now["state"], arrays["observation/state"], 1e-6)
        np.testing.assert_allclose(now["action"], arrays["action"], 1e-6)
