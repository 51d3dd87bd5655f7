"""LeRobot datasets: what we write comes back, what its own package and converters write is read."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foreworld.data.depth import DepthCode
from foreworld.data.encoder import psnr
from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.lerobot import LeRobotSource
from foreworld.data.recording import Broken
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from foreworld.vocab import Episode, Spec
from tests.data.lerobot_logs import (
    DATA,
    LISTED,
    SPECS,
    edit_json,
    edit_table,
    episode,
    make_dataset,
)

THEIRS = (
    Path(__file__).parent / "lerobot"
)  # written by lerobot itself, by the script that lies there
STATE = {key: SPECS[key] for key in ("state", "action")}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("lerobot"), fps=12.5)


def brought_back(dataset, folder):
    with open_source(dataset) as source:
        import_dataset(source, folder, usual(source))
    return EpisodeStore.open(folder)


def read(recording, name):
    column = recording.columns[name]
    return column.read(np.arange(len(column.stamps)))


# Round trips


@pytest.mark.parametrize("video", [True, False])
def test_nothing_is_lost_on_the_way_there_and_back(tmp_path, video):
    dataset, store = make_dataset(tmp_path, fps=12.5, video=video)
    assert recognise(dataset) == "lerobot"
    back = brought_back(dataset, tmp_path / "back")
    assert back.specs == store.specs and len(back) == len(store) == 3
    for one, other in zip(store, back, strict=True):
        for key in one.steps:
            assert np.array_equal(one[key], other[key]), key


def test_many_files_instead_of_one(tmp_path):
    dataset, store = make_dataset(tmp_path, data_megabytes=1e-6, video_megabytes=1e-6)
    assert len(list(dataset.glob("data/*/*.parquet"))) == 3
    assert len(list(dataset.glob("videos/*/*/*.mp4"))) == 9
    back = brought_back(dataset, tmp_path / "back")
    assert all(np.array_equal(a["top"], b["top"]) for a, b in zip(store, back, strict=True))


def test_what_a_codec_loses_is_said_and_nothing_else_is_lost(tmp_path, capfd):
    specs = {"top": Spec((64, 64, 3), "uint8", "image"), **STATE}
    dataset, store = make_dataset(tmp_path, specs=specs, codec="h264")
    said = capfd.readouterr().err
    assert "what the codec loses, as PSNR: observation.images.top" in said and " dB" in said
    back = brought_back(dataset, tmp_path / "back")
    for one, other in zip(store, back, strict=True):
        assert 5 < psnr(one["top"], other["top"]) < 60  # noise: the worst there is
        assert np.array_equal(one["state"], other["state"])


def test_depth_becomes_12_bit_video_within_a_code(tmp_path):
    specs = {"far": Spec((32, 40), "float32", "vector", unit="m"), **STATE}
    dataset, store = make_dataset(tmp_path, specs=specs, depth=("far",), near=0.05, far=2.0)
    info = json.loads((dataset / "meta/info.json").read_text())
    assert info["features"]["observation.far"]["info"]["video.depth_max"] == 2.0
    with LeRobotSource(dataset) as source:
        feature = source.features["observation.far"]
        assert (feature.content, feature.unit, feature.shape) == ("depth", "m", (32, 40, 1))
        told = read(source[0], "observation.far")[..., 0]
    given = store[0]["far"].clip(0.05, 2.0)
    step = np.diff(DepthCode(0.05, 2.0).decode(np.arange(4096))).max()
    assert np.abs(told - given).max() <= step


def test_depth_codes_are_lerobots():
    """Values that its quantize_depth gives for its defaults."""
    code = DepthCode()
    assert code.encode(np.array([0.0, 0.01, 10.0, 12.0])).tolist() == [0, 0, 4095, 4095]
    metres = np.array([0.5, 1.0, 2.0, 5.0])
    log = np.log((metres + 3.5) / 3.51) / np.log(13.5 / 3.51)
    assert code.encode(metres).tolist() == np.rint(log * 4095).astype(int).tolist()
    assert np.abs(code.decode(code.encode(metres)) - metres).max() < 2e-3
    assert DepthCode(logarithmic=False).encode(np.array([5.005])).tolist() == [2048]


def test_a_reward_before_any_action_has_no_place(tmp_path):
    from foreworld.data.lerobot_writer import LeRobotWriter

    steps = dict(episode(0, 5, STATE).steps)
    steps["reward"] = steps["reward"] + 1
    writer = LeRobotWriter(tmp_path, STATE, 10)
    with pytest.raises(ValueError, match="a reward of 1.0 in row 0"):
        writer.add(Episode(steps), None)


@pytest.mark.parametrize(
    ("key", "spec", "settings", "said"),
    [
        ("x", Spec((8, 8, 9), "uint8", "image"), {}, "9 channels: LeRobot's pictures have 1, 3"),
        ("x", Spec((1, 1, 1, 1, 1, 2), "float32", "vector"), {}, "has 6 dimensions"),
        ("x", Spec((3,), "float32", "vector"), {"depth": ("x",)}, r"depth='x': a key of shape"),
        ("images.a", Spec((), "int64", "discrete", classes=(2,)), {}, "rename one"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, key, spec, settings, said):
    from foreworld.data.lerobot_writer import LeRobotWriter

    specs = {key: spec, "a": Spec((8, 8, 3), "uint8", "image"), **STATE}
    with pytest.raises(ValueError, match=said):
        LeRobotWriter(tmp_path, specs, 10, **settings)


# What others make of it


def test_the_manifest_is_lerobots(written):
    dataset, store = written
    info = json.loads((dataset / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_episodes"]) == ("v3.0", 3)
    assert info["total_frames"] == store.num_steps and info["splits"] == {"train": "0:3"}
    top = info["features"]["observation.images.top"]
    assert (top["dtype"], top["shape"]) == ("video", [32, 48, 3])
    assert top["info"]["video.codec"] == "h264" and top["info"]["is_depth_map"] is False
    table = pq.ParquetFile(dataset / DATA)
    assert table.num_row_groups == 3  # one an episode
    assert table.schema_arrow.field("action").type == pa.list_(pa.float32(), 2)
    rewards = pq.read_table(dataset / DATA).column("next.reward").to_pylist()[:12]
    assert rewards == [*store[0]["reward"][1:].tolist(), 0.0]  # beside the action that led to them
    stats = json.loads((dataset / "meta/stats.json").read_text())
    states = np.concatenate([one["state"] for one in store])
    assert stats["observation.state"]["std"] == pytest.approx(states.std(0).tolist(), rel=1e-5)
    assert np.array(stats["observation.images.top"]["q99"]).shape == (3, 1, 1)
    tasks = pq.read_table(dataset / "meta/tasks.parquet")
    assert tasks.column("task").to_pylist() == ["push", "zieh den Käse", "now stop"]
    rows = pq.read_table(dataset / LISTED).to_pylist()
    assert rows[2]["tasks"] == ["push", "now stop"] and rows[2]["dataset_to_index"] == 39
    assert rows[1]["videos/observation.images.top/from_timestamp"] == pytest.approx(12 / 12.5)


@pytest.mark.skipif(find_spec("lerobot_doctor") is None, reason="lerobot-doctor is not installed")
def test_the_public_doctor_finds_nothing_wrong(tmp_path):
    specs = {"top": SPECS["top"], "instruction": SPECS["instruction"], **STATE}
    dataset, _ = make_dataset(tmp_path, specs=specs, length=110)
    command = [sys.executable, "-m", "lerobot_doctor.cli", "check", str(dataset), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout)["summary"] == {"PASS": 11, "WARN": 0, "FAIL": 0}, done.stdout


def lerobots_frame(number, row):
    """What the script beside the fixtures put into the camera called top."""
    y, x = np.mgrid[:64, :64]
    last = np.full_like(x, number * 60 + row * 4)
    return np.stack([x * 2 + 10 * row, y * 3, last], -1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["v3.0", "v2.1"])
def test_what_lerobot_itself_wrote_is_read(name):
    with LeRobotSource(THEIRS / name) as source:
        assert (len(source), source.fps) == (3, 10.0)
        assert source.features["action"].names == ("x", "y")
        assert source.features["next.reward"].moment == "after"
        for number, recording in enumerate(source):
            rows = 8 + 2 * number
            t = np.arange(rows)
            assert recording.task == ["push", "pull", "push"][number]
            assert recording.terminal is (number != 1)
            assert np.array_equal(recording.columns["action"].stamps, t / 10)
            state = np.stack([np.full(rows, number), t, np.sin(t)], 1).astype(np.float32)
            assert np.array_equal(read(recording, "observation.state"), state)
            assert np.allclose(read(recording, "next.reward")[:, 0], t / 10)
            wrist = read(recording, "observation.images.wrist")
            assert wrist.shape == (rows, 16, 24, 3)
            assert np.array_equal(wrist[:, 3, 5], np.stack([0 * t + number, t, 0 * t + 7], 1))
            given = np.stack([lerobots_frame(number, row) for row in range(rows)])
            shown = read(recording, "observation.images.top")
            assert psnr(given, shown) > 28
            likest = [int(np.argmax([psnr(one, back) for one in given])) for back in shown]
            assert likest == t.tolist()
    if name == "v3.0":
        assert read(recording, "observation.note").tolist() == [f"frame {n}" for n in t]
        assert np.array_equal(
            read(recording, "observation.grid")[4], np.arange(6).reshape(2, 3) + 4
        )


def test_theirs_becomes_a_store(tmp_path):
    back = brought_back(THEIRS / "v3.0", tmp_path / "back")
    assert set(back.specs) == {"top", "wrist", "state", "grid", "instruction", "action"}
    assert back[0]["reward"][:4].tolist() == pytest.approx([0, 0, 0.1, 0.2])
    assert back[0]["is_terminal"][-1] and not back[1]["is_terminal"][-1]


# Quirks


@pytest.fixture
def copy(written, tmp_path):
    """A dataset of ours that may be changed, without the mapping that we left beside it."""
    shutil.copytree(written[0], tmp_path / "copy")
    (tmp_path / "copy/foreworld.json").unlink()
    return tmp_path / "copy"


def renamed(file, old, new):
    table = pq.read_table(file)
    names = [new if name == old else name for name in table.column_names]
    pq.write_table(table.rename_columns(names).replace_schema_metadata(None), file)


def drop_tasks(copy):
    edit_table(copy / LISTED, tasks=None)


QUIRKS = {
    "tasks whose index has no name": lambda copy: renamed(
        copy / "meta/tasks.parquet", "task", "__index_level_0__"
    ),
    "no list of tasks": drop_tasks,
    "unknown keys": lambda copy: edit_json(
        copy / "meta/info.json", lambda info: info.update(total_videos=7, tools=None, odd=[1])
    ),
    "no statistics": lambda copy: (copy / "meta/stats.json").unlink(),
    "channels first": lambda copy: edit_json(
        copy / "meta/info.json",
        lambda info: info["features"]["observation.images.top"].update(
            shape=[3, 32, 48], names=["channel", "height", "width"]
        ),
    ),
    "names by motor": lambda copy: edit_json(
        copy / "meta/info.json",
        lambda info: info["features"]["action"].update(names={"motors": ["pan", "tilt"]}),
    ),
    "plain lists": lambda copy: edit_table(
        copy / DATA, action=lambda rows: pa.array(rows, pa.list_(pa.float32()))
    ),
    "one row group": lambda copy: pq.write_table(pq.read_table(copy / DATA), copy / DATA),
    "counts nobody made": lambda copy: edit_json(
        copy / "meta/info.json",
        lambda info: [info.pop(k) for k in ("total_frames", "total_tasks", "splits")],
    ),
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_quirks_of_the_field_are_read(written, copy, quirk):
    QUIRKS[quirk](copy)
    with LeRobotSource(copy) as source, LeRobotSource(written[0]) as whole:
        for one, other in zip(source, whole, strict=True):
            assert one.task == other.task
            for name in ("observation.images.top", "action", "next.reward"):
                assert np.array_equal(read(one, name), read(other, name)), name
    if quirk == "names by motor":
        assert source.features["action"].names == ("pan", "tilt")


def test_a_hubs_cache_is_read_and_its_links_lead_nowhere_else(written, tmp_path):
    """There every file is a link to one among the blobs beside it."""
    root, blobs = tmp_path / "hub/snapshots/abc", tmp_path / "hub/blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(f for f in sorted(written[0].rglob("*")) if f.is_file()):
        link = root / file.relative_to(written[0])
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, blobs / str(number))
        link.symlink_to(blobs / str(number))
    with LeRobotSource(root) as source:
        assert np.array_equal(read(source[0], "observation.images.top"), written[1][0]["top"])
    (root / DATA).unlink()
    (root / DATA).symlink_to(written[0] / DATA)
    with pytest.raises(Broken, match="a link that leads out of the folder"):
        LeRobotSource(root)


def test_language_columns_are_told_by_style(copy):
    plan = [
        {"role": "assistant", "content": "grasp", "style": "subtask", "timestamp": 0.0},
        {"role": "assistant", "content": "lift", "style": "subtask", "timestamp": 0.4},
        {"role": "user", "content": "gently", "style": "task_aug", "timestamp": 0.0},
    ]
    count = pq.read_metadata(copy / DATA).num_rows
    heard = [[] for _ in range(count)]
    heard[3] = [{"role": "user", "content": "wait!", "style": "interjection", "camera": None}]
    table = pq.read_table(copy / DATA)
    table = table.append_column("language_persistent", pa.array([plan] * count))
    pq.write_table(table.append_column("language_events", pa.array(heard)), copy / DATA)
    entry = {"dtype": "language", "shape": [1], "names": None}
    edit_json(
        copy / "meta/info.json",
        lambda info: info["features"].update(language_persistent=entry, language_events=entry),
    )
    with LeRobotSource(copy) as source:
        assert source.features["language.subtask"].content == "text"
        recording = source[0]
        subtasks = read(recording, "language.subtask").tolist()
        assert subtasks == ["grasp"] * 5 + ["lift"] * 7  # 12.5 rows a second
        assert read(recording, "language.interjection").tolist()[2:5] == ["", "wait!", ""]
        assert read(recording, "language.plan").tolist() == [""] * 12
        assert json.loads(read(recording, "language_persistent")[0])[2]["content"] == "gently"


def test_an_episode_that_was_cut_short_is_no_end_of_the_world(tmp_path):
    dataset, _ = make_dataset(tmp_path, specs=STATE)
    with LeRobotSource(dataset) as source:
        assert [recording.terminal for recording in source] == [True, False, True]
    edit_json(dataset / "meta/info.json", lambda info: [
        info["features"].pop(name) for name in ("next.done", "next.truncated")
    ])  # fmt: skip
    with LeRobotSource(dataset) as source:
        assert source[0].terminal is None


def test_only_one_row_is_read_where_one_is_asked_for(written):
    with LeRobotSource(written[0]) as source:
        column = source[2].columns["action"]
        assert np.array_equal(column.read([5]), written[1][2]["action"][5:6])
        assert column.read([]).shape == (0, 2)
        with pytest.raises(IndexError, match="there are 3"):
            source[3]
        assert replace(source.features["action"], names=None).dtype == "float32"
