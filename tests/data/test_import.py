"""A log becomes a store: time, names, units, sizes, what is missing, what is dropped."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from foreworld.config import override
from foreworld.data.importing import import_dataset
from foreworld.data.mapping import Mapping, Rule, load, save
from foreworld.data.plan import survey
from foreworld.data.recording import Feature, Recording, Values
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from foreworld.episodes.row import row_dtype
from foreworld.episodes.together import followers
from tests.data.logs import FEATURES, Log, columns, log, recording


def imported(source, tmp_path, mapping=None, **options):
    path = tmp_path / "store"
    report = import_dataset(source, path, mapping or usual(source), **options)
    return EpisodeStore.open(path), report


def test_time_is_ours(tmp_path):
    """A reward stands with what its action led to; the last one gets a row, a repeated picture."""
    store, report = imported(log(2), tmp_path)
    episode, told = store[0], columns(12, seed=0)
    assert len(episode) == 13 and report.repeated == 2 and report.terminal == 2
    assert episode["front"][:, 5, 5, 0].tolist() == [*range(12), 11]
    assert episode["reward"].tolist() == [0.0, *np.arange(1.0, 13.0)]
    assert np.array_equal(episode["action"][:12], told["action"].values)
    assert not episode["action"][12].any()
    assert episode["is_terminal"].tolist() == [False] * 12 + [True]
    kept, _ = imported(log(2), tmp_path / "kept", override(usual(log(2)), ["ending=keep"]))
    assert kept[0]["reward"].tolist() == [0.0, *np.arange(1.0, 12.0)]
    assert kept[0]["is_terminal"][-1]


def test_usual_names(tmp_path):
    store, _ = imported(log(2), tmp_path)
    assert set(store.specs) == {"front", "wrist", "state", "instruction", "action"}
    assert store.specs["state"].names == ("shoulder", "elbow")
    assert store.specs["wrist"].shape == (32, 32, 3)
    assert store[1]["instruction"][3].tobytes() == b"push the cup"
    low, high = (np.array(b) for b in (store.specs["action"].low, store.specs["action"].high))
    actions = np.concatenate([columns(12, n)["action"].values for n in range(2)])
    assert np.allclose(low, actions.min(0)) and np.allclose(high, actions.max(0))


def test_a_mapping_is_written_edited_and_read(tmp_path):
    save(usual(log(1)), tmp_path / "map.json")
    data = json.loads((tmp_path / "map.json").read_text())
    data["keys"]["state"] |= {"given": "deg", "unit": "rad"}
    data["keys"]["arm"] = {"columns": ["action[0:1]", "observation.state[1:2]"]}
    data["keys"]["front"]["image_size"] = 16
    del data["keys"]["wrist"]
    (tmp_path / "map.json").write_text(json.dumps(data))
    store, report = imported(log(1), tmp_path, load(tmp_path / "map.json"))
    assert report.unused == ["observation.images.wrist"] and "wrist" not in store.specs
    told = columns(12, 0)
    assert np.allclose(store[0]["state"][:12], np.deg2rad(told["observation.state"].values))
    assert store.specs["state"].unit == "rad" and store.specs["front"].shape == (16, 16, 3)
    arm = store[0]["arm"]
    assert np.allclose(arm[:12, 0], told["action"].values[:, 0])
    assert np.allclose(arm[:12, 1], told["observation.state"].values[:, 1])
    assert store.specs["arm"].names == ("shoulder", "elbow")


def test_scale_and_offset_move_the_bounds_too(tmp_path):
    source = log(1)
    source.features["action"] = replace(FEATURES["action"], low=-1.0, high=1.0)
    mapping = override(usual(source), ['keys.action={"columns":["action"],"scale":2,"offset":1}'])
    store, _ = imported(source, tmp_path, mapping)
    assert (store.specs["action"].low, store.specs["action"].high) == (-1.0, 3.0)
    assert np.allclose(store[0]["action"][:12], 2 * columns(12, 0)["action"].values + 1)


def test_one_rate_for_sensors_that_have_their_own(tmp_path):
    """Camera at 10, joints at 50, commands at 20 rows a second: 5, and every value is its row's."""
    camera, joints, commands = (np.arange(0, 4, 1 / hz) for hz in (10, 50, 20))
    told = {
        "camera": Values((camera * 10).round().astype(np.uint8)[:, None, None, None] *
                         np.ones((1, 8, 8, 3), np.uint8), camera),
        "joints": Values(joints[:, None], joints + 0.003),
        "action": Values(commands[:, None], commands),
        "reward": Values(np.ones(len(joints)), joints + 0.003),
    }  # fmt: skip
    features = {"camera": Feature((8, 8, 3), "uint8", "image"), "joints": Feature((1,), "float64"),
                "action": Feature((1,), "float64"), "reward": Feature((), "float32")}  # fmt: skip
    source = Log([Recording("bag", told)], features, fps=None)
    mapping = override(usual(source), ["fps=5", "keys.joints.resample=linear", "tolerance=0.1"])
    store, report = imported(source, tmp_path, mapping)
    episode = store[0]
    t = 0.003 + np.arange(len(episode)) / 5
    assert report.fps == 5 and len(episode) == 20
    assert np.allclose(episode["joints"][:, 0], t - 0.003, atol=1e-6)
    assert episode["camera"][:, 0, 0, 0].tolist() == np.floor(t * 10 + 1e-6).astype(int).tolist()
    assert np.allclose(episode["action"][:-1, 0], np.floor(t[:-1] * 20) / 20, atol=1e-6)
    assert episode["reward"][1:].tolist() == [10.0] * 19  # five times 50 a second, summed


def test_holes_split_or_drop(tmp_path):
    whole = columns(20)
    cut = np.r_[0:8, 12:20]
    state = whole["observation.state"]
    holed = Values(state.values[cut], state.stamps[cut])
    source = Log([recording(0, 20), recording(1, 20, observation__state=holed)])
    mapping = usual(source)
    store, report = imported(source, tmp_path, mapping)
    assert store.lengths.tolist() == [21, 8, 9] and report.split == 1
    assert report.dropped["nothing recent enough of state"]["rows"] == 4
    assert not store[1]["is_terminal"].any() and store[2]["is_terminal"][-1]
    assert np.allclose(store[2]["state"][:8], state.values[12:])
    assert store[2]["reward"][:3].tolist() == [0.0, 13.0, 14.0]
    assert followers(store.path).tolist() == [2]
    assert [ids.tolist() for ids in store.split(0.5)] in ([[0], [1, 2]], [[1, 2], [0]])
    store, report = imported(source, tmp_path / "drop", override(mapping, ["holes=drop"]))
    assert store.lengths.tolist() == [21]
    assert report.dropped["has holes"]["recordings"] == 1
    assert report.examples["has holes"] == ["episode 1"]


def test_a_gap_in_the_index_is_a_hole(tmp_path):
    """Rows that are missing from every column: nothing is said to follow what it does not."""
    kept = np.r_[0:8, 12:20]
    told = {n: Values(c.values[kept], c.stamps[kept]) for n, c in columns(20).items()}
    store, report = imported(Log([Recording("episode 0", told, "go")]), tmp_path)
    assert report.split == 1 and store.lengths.tolist() == [8, 9]
    assert store[0]["reward"].tolist() == [0.0, *range(1, 8)]
    assert np.array_equal(store[0]["action"][:7], told["action"].values[:7])
    assert not store[0]["is_terminal"].any() and store[1]["is_terminal"][-1]


def test_what_some_recordings_lack_is_flagged(tmp_path):
    source = Log([recording(0), recording(1, observation__images__wrist=None), recording(2)])
    store, report = imported(source, tmp_path)
    assert store.specs["present.wrist"].record and report.missing == {"wrist": 1}
    assert [bool(e["present.wrist"].all()) for e in store] == [True, False, True]
    assert not store[1]["wrist"].any() and store[2]["wrist"].any()
    assert report.unused == []
    mapping = override(usual(source), ["keys.wrist.missing=drop"])
    store, report = imported(source, tmp_path / "drop", mapping)
    assert len(store) == 2 and "present.wrist" not in store.specs
    assert report.dropped["has no wrist"]["recordings"] == 1


def test_video_without_actions(tmp_path):
    source = Log([recording(n, action=None, next__reward=None, next__done=None) for n in range(2)])
    for name in ("action", "next.reward", "next.done"):
        del source.features[name]
    store, _ = imported(source, tmp_path)
    assert store.specs["action"].shape == (0,) and store[0]["action"].shape == (12, 0)
    assert not store[0]["reward"].any() and not store[0]["is_terminal"].any()


def test_choices_are_counted(tmp_path):
    source = log(2)
    chosen = Values(np.array([0, 3, 1] * 4), np.arange(12) / 10)
    source.recordings[1] = recording(1, action=chosen)
    source.recordings[0] = recording(0, action=Values(chosen.values * 0, chosen.stamps))
    source.features["action"] = Feature((), "int64")
    store, _ = imported(source, tmp_path)
    assert store.specs["action"].classes == (4,) and store.specs["action"].shape == ()
    assert store[1]["action"][:3].tolist() == [0, 3, 1]


def test_choices_below_zero_are_none(tmp_path):
    source = log(1)
    source.features["action"] = Feature((), "int64")
    source.recordings[0] = recording(0, action=Values(np.arange(12) - 3, np.arange(12) / 10))
    with pytest.raises(ValueError, match="keys.action: -3 is no choice.*kind 'vector'"):
        imported(source, tmp_path)


def test_depth_becomes_grey(tmp_path):
    metres = np.linspace(0, 3, 4)[:, None, None, None] * np.ones((1, 8, 8, 1), np.float32)
    source = Log([Recording("scan", {"depth": Values(metres, np.arange(4) / 10)})],
                 {"depth": Feature((8, 8, 1), "float32", "depth", unit="m", high=2.0)})  # fmt: skip
    store, _ = imported(source, tmp_path)
    assert store.specs["depth"].shape == (8, 8, 1)
    assert store[0]["depth"][:, 0, 0, 0].tolist() == [0, 128, 255, 255]


def test_long_recordings_are_read_in_parts(tmp_path, monkeypatch):
    import foreworld.data.assembly as assembly

    monkeypatch.setattr(assembly, "PIECE_BYTES", 60_000)
    monkeypatch.setattr(assembly, "SLAB_BYTES", 20_000)
    store, report = imported(log(1, length=40), tmp_path)
    assert len(store) > 2 and report.split == 1 and store.num_steps == 41
    front = np.concatenate([e["front"][:, 0, 0, 0] for e in store])
    assert front.tolist() == [*range(40), 39]
    assert [bool(e["is_terminal"][-1]) for e in store] == [False] * (len(store) - 1) + [True]


def test_some_recordings_only(tmp_path):
    source = log(5)
    plan = survey(source, usual(source), [1, 3])
    store, report = imported(source, tmp_path, plan=plan)
    assert len(store) == 2 and report.recordings == 2
    assert np.allclose(store[1]["state"][:12], columns(12, 3)["observation.state"].values)


def test_the_store_says_where_it_came_from(tmp_path):
    store, report = imported(log(2), tmp_path)
    note = json.loads((store.path / "import.json").read_text())
    assert note["report"]["episodes"] == 2 and note["report"]["format"] == "memory"
    assert note["mapping"]["keys"]["front"]["columns"] == ["observation.images.front"]


def test_workers_change_nothing(tmp_path):
    one, _ = imported(log(5), tmp_path, workers=1)
    many, _ = imported(log(5), tmp_path / "many", workers=4)
    for a, b in zip(one, many, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a.steps)


def test_a_mapping_needs_something_to_see():
    with pytest.raises(ValueError, match="no observation"):
        Mapping({"action": Rule(("action",))})


def test_what_the_disk_cannot_hold_is_refused_before_anything_is_decoded(tmp_path, monkeypatch):
    source = log(2)
    need = survey(source, usual(source)).bytes
    for free, fits in ((need, False), (2 * need, True)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr("foreworld.data.importing.shutil.disk_usage", lambda _, u=usage: u)
        if fits:
            store, _ = imported(source, tmp_path)
            assert store.num_steps == pytest.approx(need / row_dtype(store.specs).itemsize, rel=0.1)
        else:
            with pytest.raises(ValueError, match=r"would take .*\(24 rows\).* free: .*image_size"):
                imported(source, tmp_path)
            assert not list(tmp_path.iterdir())
