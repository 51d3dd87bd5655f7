"""Videos become worlds: alone, with a table beside them, with several cameras; damaged ones not."""

import json

import numpy as np
import pytest

from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.recording import Broken
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore

av = pytest.importorskip("av")
SIZE = (32, 48)


def film(path, frames=20, fps=10, size=SIZE, shade=0):
    """A video whose frame n has the grey level 10 n + shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = 4_000_000
        for n in range(frames):
            grey = np.full((*size, 3), (10 * n + shade) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return path


def imported(path, tmp_path, **changes):
    source = open_source(path)
    mapping = usual(source)
    report = import_dataset(source, tmp_path / "store", mapping, **changes)
    return EpisodeStore.open(tmp_path / "store"), report


def shades(episode, key="video"):
    return (episode[key].mean((1, 2, 3)) / 10).round().astype(int).tolist()


def test_videos_alone(tmp_path):
    film(tmp_path / "clips" / "a.mp4", 20)
    film(tmp_path / "clips" / "b.mp4", 12)
    assert recognise(tmp_path / "clips") == "video"
    store, report = imported(tmp_path / "clips", tmp_path)
    assert report.fps == 10 and store.lengths.tolist() == [20, 12]
    assert store.specs["video"].shape == (32, 48, 3) and store.specs["action"].shape == (0,)
    assert shades(store[0]) == list(range(20))


def test_one_file_with_a_table_of_times(tmp_path):
    """Commands at 20 a second beside frames at 10: every row has the newest there was."""
    film(tmp_path / "drive.mp4", 20)
    rows = [f"{n / 20},{n},{-n}" for n in range(40)]
    (tmp_path / "drive.csv").write_text("\n".join(["timestamp,action_0,action_1", *rows]))
    store, _ = imported(tmp_path / "drive.mp4", tmp_path)
    assert store.specs["action"].shape == (2,) and store.specs["action"].names == ("0", "1")
    assert store[0]["action"][:-1].tolist() == [[2.0 * n, -2.0 * n] for n in range(19)]


def test_frame_numbers_and_tasks(tmp_path):
    film(tmp_path / "drive.mp4", 12)
    rows = [{"frame": n, "action": [n, 1], "task": "go left", "speed": n / 2} for n in range(3, 9)]
    (tmp_path / "drive.jsonl").write_text("\n".join(map(json.dumps, rows)))
    store, report = imported(tmp_path / "drive.mp4", tmp_path)
    assert shades(store[0]) == list(range(3, 9))
    assert store[0]["instruction"][0].tobytes() == b"go left"
    assert np.allclose(store[0]["speed"], np.arange(3, 9) / 2)
    assert report.fps == 10 and sum(n["rows"] for n in report.dropped.values()) == 6


def test_several_cameras_and_a_file_of_actions(tmp_path):
    for n in range(2):
        folder = tmp_path / "runs" / f"ep{n}"
        film(folder / "front.mp4", 10), film(folder / "wrist.mkv", 10, shade=100)
        rows = [f"{t},{-t},{t % 2}" for t in range(10)]
        (folder / "actions.csv").write_text("\n".join(["steer,gas,reward", *rows]))
    store, _ = imported(tmp_path / "runs", tmp_path, broken="drop")
    assert set(store.specs) == {"front", "wrist", "action"} and len(store) == 1  # they are alike
    assert shades(store[0], "front") == list(range(10))
    assert shades(store[0], "wrist") == list(range(10, 20))
    assert store[0]["action"][4].tolist() == [4.0, -4.0]
    assert store[0]["reward"].tolist() == [0, 1] * 5


def test_a_camera_that_some_recordings_lack(tmp_path):
    film(tmp_path / "runs" / "a" / "front.mp4"), film(tmp_path / "runs" / "a" / "wrist.mp4")
    film(tmp_path / "runs" / "b" / "front.mp4", shade=30)
    store, report = imported(tmp_path / "runs", tmp_path)
    assert report.missing == {"wrist": 1}
    assert [bool(episode["present.wrist"].all()) for episode in store] == [True, False]


def test_folders_of_kinds_are_no_cameras(tmp_path):
    film(tmp_path / "clips" / "left" / "a.mp4"), film(tmp_path / "clips" / "right" / "b.mp4", 12)
    store, _ = imported(tmp_path / "clips", tmp_path)
    assert set(store.specs) == {"video", "action"} and store.lengths.tolist() == [20, 12]


def test_a_table_of_parquet(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    film(tmp_path / "drive.mp4", 10)
    actions = [[float(n), 0.5] for n in range(10)]
    parquet.write_table(arrow.table({"action": actions}), tmp_path / "drive.parquet")
    store, _ = imported(tmp_path / "drive.mp4", tmp_path)
    assert store[0]["action"][:9, 0].tolist() == list(range(9))


def truncated(folder):
    path = film(folder / "a.mp4")
    path.write_bytes(path.read_bytes()[:-400])


def no_video(folder):
    (folder / "a.mp4").parent.mkdir(exist_ok=True)
    (folder / "a.mp4").write_text("#EXTM3U\nhttp://example.com/b.ts\n")


def other_size(folder):
    film(folder / "a.mp4"), film(folder / "b.mp4", size=(64, 48))


def table(text, name="a.csv", frames=5):
    def make(folder):
        film(folder / "a.mp4", frames)
        (folder / name).write_text(text)

    return make


def other_rate(folder):
    film(folder / "a.mp4"), film(folder / "b.mp4", fps=25)


BROKEN = {
    "another rate": (other_rate, "b.mp4: rows a second: 25, the first recording has 10; bring all"),
    "cut short": (truncated, "a.mp4: video"),
    "a playlist that calls itself mp4": (no_video, "a.mp4: video: cannot be read"),
    "another size": (other_size, "b.mp4: frame size: 48 x 64, other videos are 48 x 32; scale it"),
    "rows for other frames": (
        table("action\n1\n2\n"), "a.csv: rows: 2, the video has 5 frames; add a column"),
    "a cell too few": (table("t,action\n0,1\n0.1\n"), "a.csv: line 3: 1 cells under 2 names"),
    "an empty cell": (
        table("t,action\n0,1\n0.1,\n"), "a.csv: column 'action': row 1 is '', other rows"),
    "two columns of one name": (table("t,t\n0,1\n"), "line 1: names the column 't' twice"),
    "frames that are not there": (
        table("frame,action\n0,1\n9,1\n"), "column 'frame': row 1 is 9, frames are 0 to 4"),
    "a line that is no JSON": (
        table('{"t": 0, "action": 1}\n{"t": 0.1\n', "a.jsonl"), "a.jsonl: line 2: is no JSON"),
    "lists of two lengths": (
        table('{"action": [1]}\n{"action": [1, 2]}\n', "a.jsonl"), "column 'action': row 0"),
    "an action that is no number": (
        table("t,action\n0,1\n0.1,nan\n0.2,1\n"), "column 'action': row 1 is nan"),
    "a table that is no text": (
        table("\x00", "a.parquet"), "a.parquet: footer: is no whole parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_refused(kind, tmp_path):
    make, said = BROKEN[kind]
    folder = tmp_path / "clips"
    folder.mkdir()
    make(folder)
    if "parquet" in said:
        pytest.importorskip("pyarrow")
    with pytest.raises(Broken) as error:
        imported(folder, tmp_path)
    assert said in str(error.value) and ";" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]
