"""LeRobot datasets that cannot be believed: file, field and fix are named, nothing is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foreworld.data.formats import open_source
from foreworld.data.importing import import_dataset
from foreworld.data.recording import Broken
from foreworld.data.usual import usual
from foreworld.vocab import Spec
from tests.data.lerobot_logs import DATA, FILM, LISTED, edit_json, edit_table, make_dataset, put

INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
SPECS = {
    "top": Spec((32, 32, 3), "uint8", "image"),
    "state": Spec((3,), "float32", "vector"),
    "instruction": Spec((24,), "uint8", "text"),
    "action": Spec((2,), "float32", "vector"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("sound"), specs=SPECS)[0]


@pytest.fixture(scope="module")
def sound_pictures(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("pictures"), specs=SPECS, video=False)[0]


def cut(file, share):
    def spoil(root):
        data = (root / file).read_bytes()
        (root / file).write_bytes(data[: int(len(data) * share)])

    return spoil


def without(file):
    return lambda root: (root / file).unlink()


def info(**changes):
    return lambda root: edit_json(root / INFO, lambda said: said.update(changes))


def feature(name, **changes):
    return lambda root: edit_json(root / INFO, lambda said: said["features"][name].update(changes))


def stats(name, part, value):
    return lambda root: edit_json(root / STATS, lambda said: said[name].update({part: value}))


def rows(**columns):
    return lambda root: edit_table(root / DATA, **columns)


def listed(**columns):
    return lambda root: edit_table(root / LISTED, **columns)


def narrow(values):
    return pa.array([row[:1] for row in values], pa.list_(pa.float32()))


def nan_action(root):
    def change(values):
        values[15] = [float("nan"), 0.0]
        return pa.array(values, pa.list_(pa.float32(), 2))

    edit_table(root / DATA, action=change)


def shorter(root):
    pq.write_table(pq.read_table(root / DATA).slice(0, 30), root / DATA)


def damaged_page(root):
    data = bytearray((root / DATA).read_bytes())
    data[40:400] = bytes(360)
    (root / DATA).write_bytes(data)


def absurd_rows(root):
    """A small table that says 10^9 rows, consistently: one value, repeated by its encoding."""
    count = 10**9
    entry = pa.array(np.zeros(1000, np.int64))
    names = ["timestamp", "frame_index", "episode_index", "index", "task_index"]
    table = pa.table(dict.fromkeys(names, entry))
    pq.write_table(table, root / DATA)
    data = (root / DATA).read_bytes()
    # 1000 as a zigzag varint, wherever the footer counts rows or values, becomes 10^9.
    (root / DATA).write_bytes(_claim(data, 1000, count))


def _claim(data, told, lie):
    """The footer of a parquet file with another count; only its length may change."""
    length = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - length], data[-8 - length : -8]
    footer = footer.replace(_varint(told), _varint(lie))
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _varint(number):
    number, out = number * 2, b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def other_film(root):
    from foreworld.data.encoder import FilmWriter

    with FilmWriter(root / FILM, 10, 48, 32) as film:
        film.add(np.zeros((60, 48, 32, 3), np.uint8))


def slower_film(root):
    from foreworld.data.encoder import FilmWriter

    with FilmWriter(root / FILM, 7, 32, 32) as film:
        film.add(np.zeros((60, 32, 32, 3), np.uint8))


def bomb(root):
    """Every row repeats one text of 30 MB: 40 kB of file, a gigabyte in memory."""
    long = "x" * 30_000_000
    count = pq.read_metadata(root / DATA).num_rows
    index = pa.array(np.zeros(count, np.int32))
    said = pa.DictionaryArray.from_arrays(index, pa.array([long]))
    table = pq.read_table(root / DATA).append_column("observation.note", said)
    pq.write_table(table, root / DATA, compression="zstd")
    entry = {"dtype": "string", "shape": [1], "names": None}
    edit_json(root / INFO, lambda said: said["features"].update({"observation.note": entry}))
    mapping = json.loads((root / "foreworld.json").read_text())
    mapping["mapping"]["keys"]["note"] = {
        "columns": ["observation.note"],
        "kind": "text",
        "text_bytes": 4,
    }
    (root / "foreworld.json").write_text(json.dumps(mapping))


CLOSE = "data/chunk-{chunk_index:03d}"
CORRUPT = {
    # name: (what is done, what the error names)
    "manifest is no JSON": (cut(INFO, 0.5), r"info\.json: the file: is no JSON.*copy it again"),
    "manifest is a list": (lambda root: (root / INFO).write_text("[]"), "holds a list"),
    "version of another age": (info(codebase_version="v1.6"), "'v1.6': .*convert it with LeRobot"),
    "rate of nothing": (info(fps=0), "fps: 0; write the fps the data were recorded with"),
    "rate that is a word": (info(fps="ten"), "fps: 'ten'"),
    "wrong rate": (info(fps=30), r"fps: 30 is told, 10 rows a second are there"),
    "path to elsewhere": (info(data_path="../../secret.parquet"), "data_path.*leads out of"),
    "path from the root": (info(data_path="/etc/passwd"), "data_path.*leads out of"),
    "path with a trap": (info(data_path=CLOSE + "/{chunk_index.__class__}"), "holds a place"),
    "path of absurd width": (info(data_path=CLOSE + "/{file_index:999999999d}"), "holds a place"),
    "camera path to elsewhere": (
        info(video_path="../{video_key}/{chunk_index}/{file_index}.mp4"),
        "video_path.*leads out of the folder",
    ),
    "episodes miscounted": (info(total_episodes=7), "total_episodes: says 7, there are 3"),
    "frames miscounted": (info(total_frames=10**12), "total_frames: says 1000000000000, there are"),
    "tasks miscounted": (info(total_tasks=1), "total_tasks: says 1, there are 3"),
    "absurd shape": (feature("action", shape=[10**6, 10**6]), r"features\.action\.shape"),
    "shape of nothing": (feature("action", shape=[-2]), r"features\.action\.shape: \[-2\]"),
    "pictures of five channels": (
        feature("observation.images.top", shape=[32, 32, 5]),
        r"features\.observation\.images\.top\.shape: .* for pictures",
    ),
    "objects as numbers": (feature("action", dtype="object"), r"features\.action\.dtype: 'object'"),
    "column that is not there": (
        lambda root: edit_json(
            root / INFO,
            lambda said: said["features"].update(
                {"observation.force": {"dtype": "float32", "shape": [6], "names": None}}
            ),
        ),
        r"file-000\.parquet: column 'observation\.force': is not there",
    ),
    "action of another width": (rows(action=narrow), "column 'action': a row is 1 wide, .* says 2"),
    "words for numbers": (
        rows(action=lambda values: pa.array(["a"] * len(values))),
        "column 'action': is .*, info.json says",
    ),
    "missing action": (
        rows(action=lambda values: pa.array([None, *values[1:]], pa.list_(pa.float32()))),
        "column 'action': 1 rows are missing",
    ),
    "action that is no number": (nan_action, "column 'action': row 3 is nan, not finite"),
    "depth from nowhere to nowhere": (
        feature("observation.images.top", info={"is_depth_map": True, "video.depth_max": -1.0}),
        r"info\.json: features\.observation\.images\.top\.info: depth from 0\.01 to -1\.0 m",
    ),
    "depth in words": (
        feature("observation.images.top", info={"is_depth_map": True, "video.depth_max": "far"}),
        r"features\.observation\.images\.top\.info: ",
    ),
    "no footer": (cut(DATA, 0.6), r"file-000\.parquet: footer: is no whole parquet.*finalize"),
    "no footer of episodes": (cut(LISTED, 0.9), r"footer: is no whole parquet.*finalize"),
    "page damaged": (damaged_page, r"file-000\.parquet: .*; finish the recording"),
    "rows that are lost": (shorter, "num_rows: says 39, there are 30"),
    "absurd number of rows": (absurd_rows, "num_rows: .* would be .*, of which the file holds"),
    "no data file": (without(DATA), "data_path: there is no such file"),
    "no camera file": (without(FILM), "video_path: there is no such file"),
    "no tasks": (without(TASKS), "tasks: there is no such file"),
    "no table of episodes": (without(LISTED), "there is no table of episodes.*finalize"),
    "film cut short": (cut(FILM, 0.7), r"file-000\.mp4: video: .*; copy it again"),
    "film of nothing": (cut(FILM, 0), r"file-000\.mp4: video"),
    "film of another size": (other_film, r"32 x 48, info\.json says 32 x 32"),
    "film of another rate": (slower_film, r"file-000\.mp4: time stamps: no frame at"),
    "film starts elsewhere": (
        listed(**{"videos/observation.images.top/from_timestamp": [0.0, 99.0, 2.5]}),
        r"time stamps: no frame at 99\.",
    ),
    "gap in the frames": (rows(frame_index=put(5, 6)), "frame_index: row 5 says 6, it is row 5 of"),
    "gap in the index": (rows(index=put(20, 99)), "index: row 20 says 99"),
    "rows of another episode": (rows(episode_index=put(13, 0)), "episode_index: row 13 says 0"),
    "time runs backwards": (rows(timestamp=put(4, 0.1)), "timestamp: row 4 is at .* not later"),
    "time is no number": (rows(timestamp=put(4, float("nan"))), "timestamp: row 4 is at nan s"),
    "unknown task": (rows(task_index=put(3, 17)), "task_index: task 17 is in no table of tasks"),
    "episode twice": (listed(episode_index=[0, 1, 1]), "episode_index: episode 1 is listed twice"),
    "episode missing": (listed(episode_index=[0, 2, 3]), "episode_index: episode 1 is missing"),
    "episode of nothing": (listed(length=[12, 0, 27]), "length: episode 1 has 0 frames"),
    "lengths that do not add up": (
        listed(length=[13, 12, 14]),
        "dataset_from_index: episode 1 says 12, by the lengths it is 13",
    ),
    "task twice": (
        lambda root: edit_table(root / TASKS, task_index=[0, 0, 1]),
        "task_index: task 0 is listed twice",
    ),
    "statistics of another width": (
        stats("action", "mean", [0.0] * 7),
        r"stats\.json: action\.mean: 7 numbers, info\.json says 2; delete the file",
    ),
    "statistics missing": (stats("action", "std", "wide"), r"std: is missing or no numbers"),
    "statistics not finite": (stats("action", "std", [float("nan"), 1.0]), r"std: is not finite"),
    "statistics upside down": (stats("action", "min", [9.0, 9.0]), "min above max"),
    "texts that repeat without end": (bomb, "observation.note': holds more than 256,000"),
}  # fmt: skip


@pytest.fixture
def root(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "dataset")
    return tmp_path / "dataset"


def refusal(root, folder):
    """The error of an import, from the first look to the last row."""
    with pytest.raises(Broken) as caught, open_source(root) as source:
        import_dataset(source, folder, usual(source))
    return str(caught.value)


def check(error, said, folder):
    import re

    assert re.search(said, error, re.DOTALL), error
    assert error.count("; ") >= 1  # the fix
    assert not folder.exists() and not list(folder.parent.glob(".*"))


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_dataset_is_refused(root, tmp_path, name):
    spoil, said = CORRUPT[name]
    spoil(root)
    check(refusal(root, tmp_path / "out"), said, tmp_path / "out")


def test_the_sound_one_is_not(root, tmp_path):
    with open_source(root) as source:
        assert import_dataset(source, tmp_path / "out", usual(source)).episodes == 3


def png(pixels):
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def larger(data):
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    import zlib

    chunk = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + data[24:29]
    return data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]


PICTURES = {
    "a picture cut short": (lambda data: data[: len(data) // 2], "damaged|holds no"),
    "a picture of another size": (lambda _: png(np.zeros((9, 9, 3), np.uint8)), r"shape \(9, 9\)"),
    "a picture that claims to be huge": (larger, "pixels"),
    "no picture": (lambda _: b"GIF89a", "holds no"),
    "a picture that is missing": (lambda _: None, "a picture is missing|there is no picture"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_corrupt_pictures_are_refused(sound_pictures, tmp_path, name):
    shutil.copytree(sound_pictures, tmp_path / "dataset")
    change, said = PICTURES[name]

    def spoil(values):
        values[14] = {"bytes": change(values[14]["bytes"]), "path": "gone.png"}
        return pa.array(values)

    edit_table(tmp_path / "dataset" / DATA, **{"observation.images.top": spoil})
    check(refusal(tmp_path / "dataset", tmp_path / "out"), said, tmp_path / "out")


def test_a_picture_may_lie_beside_the_table_and_nowhere_else(sound_pictures, tmp_path):
    root = tmp_path / "dataset"
    shutil.copytree(sound_pictures, root)

    def outside(name):
        def change(values):
            (root / "images").mkdir(exist_ok=True)
            (root / "images/0.png").write_bytes(values[1]["bytes"])
            values[0] = {"bytes": None, "path": name}
            return pa.array(values)

        return change

    top = "observation.images.top"
    edit_table(root / DATA, **{top: outside("images/0.png")})
    with open_source(root) as source:
        assert source[0].columns[top].read([0]).shape == (1, 32, 32, 3)
    edit_table(root / DATA, **{top: outside("../0.png")})
    assert "leads out of the folder" in refusal(root, tmp_path / "out")


def edit_lines(file, change):
    said = [json.loads(line) for line in file.read_text().splitlines()]
    change(said)
    file.write_text("\n".join(json.dumps(row) for row in said))


def episodes(change):
    return lambda root: edit_lines(root / "meta/episodes.jsonl", change)


def put_row(row, **changes):
    return lambda said: said[row].update(changes)


OLDER = {
    "no episodes": (without("meta/episodes.jsonl"), r"episodes\.jsonl: the file"),
    "a line cut short": (cut("meta/episodes.jsonl", 0.9), r"line 3: is no JSON"),
    "an episode twice": (episodes(put_row(1, episode_index=0)), "episode 0 is listed twice"),
    "a length that is none": (episodes(put_row(1, length=-3)), "length: -3"),
    "lengths that do not add up": (episodes(put_row(1, length=9)), "total_frames: says 30"),
    "no data of one": (
        without("data/chunk-000/episode_000001.parquet"),
        "data_path: there is no such file",
    ),
    "no film of one": (
        without("videos/chunk-000/observation.images.top/episode_000002.mp4"),
        "video_path: there is no such file",
    ),
    "statistics of another width": (
        lambda root: edit_lines(
            root / "meta/episodes_stats.jsonl",
            lambda said: said[2]["stats"]["action"].update(max=[1.0]),
        ),
        "episode 2: action.max: 1 numbers, info.json says 2",
    ),
    "version 3 in name alone": (info(codebase_version="v3.0"), "tasks: there is no such file"),
    "path to elsewhere": (
        info(video_path="{video_key}/../../{episode_index}.mp4"),
        "leads out of the folder",
    ),
}


@pytest.mark.parametrize("name", OLDER)
def test_a_corrupt_dataset_of_version_2_is_refused(tmp_path, name):
    root = tmp_path / "dataset"
    shutil.copytree(Path(__file__).parent / "lerobot/v2.1", root)
    spoil, said = OLDER[name]
    spoil(root)
    check(refusal(root, tmp_path / "out"), said, tmp_path / "out")
