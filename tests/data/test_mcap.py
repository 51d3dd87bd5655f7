"""Logs of ROS 2 and Foxglove, written by the public packages and read here."""

import numpy as np
import pytest

from foreworld.data.formats import open_source, recognise
from foreworld.data.importing import import_dataset
from foreworld.data.mapping import Mapping, Rule
from foreworld.data.mcap import McapSource
from foreworld.episodes import EpisodeStore
from tests.data import bags

RULES = {
    "front": Rule(("/camera/compressed",), "image"),
    "arm": Rule(("/joint_states/position",)),
    "action": Rule(("/cmd_vel[0:1]", "/cmd_vel[5:6]")),
    "instruction": Rule(("/say",), "text"),
}


def chunking(name):
    writing = pytest.importorskip("mcap_ros2.writer")
    return {
        "zstd": {"compression": writing.CompressionType.ZSTD, "chunk_size": 3000},
        "lz4": {"compression": writing.CompressionType.LZ4, "chunk_size": 3000},
        "none": {"compression": writing.CompressionType.NONE},
    }[name]


@pytest.mark.parametrize("packing", ["zstd", "lz4", "none"])
def test_topics_of_ros2_are_columns_on_their_own_clocks(tmp_path, packing):
    told = bags.ros2(tmp_path / "run.mcap", **chunking(packing))
    assert recognise(tmp_path / "run.mcap") == recognise(tmp_path) == "mcap"
    source = open_source(tmp_path)
    assert source.features["/cmd_vel"].names[0] == "linear.x" and source.fps is None
    assert source.features["/joint_states/position"].names == ("hip", "knee")
    columns = source[0].columns
    every = np.arange(50)
    np.testing.assert_array_equal(columns["/joint_states/position"].read(every), told["joints"])
    np.testing.assert_array_equal(
        columns["/joint_states/velocity"].read([4, 9]), 2 * told["joints"][[4, 9]]
    )
    np.testing.assert_array_equal(columns["/cmd_vel"].read(np.arange(20)), told["twist"])
    np.testing.assert_array_equal(
        columns["/depth"].read([3, 3, 7])[..., 0], told["depth"][[3, 3, 7]]
    )
    np.testing.assert_array_equal(columns["/odd/ticks"].read(np.arange(10)), told["ticks"])
    assert columns["/odd"].read([1, 2]).tolist() == [[1, 0], [2, 1]]
    assert columns["/say"].read([4, 5]).tolist() == ["lift", "drop"]
    np.testing.assert_allclose(columns["/joint_states/position"].stamps, every / 50)
    np.testing.assert_allclose(columns["/camera/compressed"].stamps, np.arange(10) / 10)


def test_a_log_becomes_episodes_at_one_rate(tmp_path):
    told = bags.ros2(tmp_path / "run.mcap")
    source = McapSource(tmp_path / "run.mcap")
    import_dataset(source, tmp_path / "store", Mapping(RULES, fps=10.0), workers=1)
    (episode,) = EpisodeStore.open(tmp_path / "store")
    assert len(episode) == 10
    np.testing.assert_allclose(episode["arm"], told["joints"][::5], 1e-6)
    np.testing.assert_allclose(episode["action"][:-1], told["twist"][:-2:2, [0, 5]], 1e-6)
    assert (np.abs(episode["front"].astype(int) - told["camera"]) <= 3).all()


def test_channels_of_json_and_notes(tmp_path):
    bags.json_channels(tmp_path / "run_2.mcap", notes={"task": "stack"})
    bags.json_channels(tmp_path / "run_10.mcap", rows=4)
    source = McapSource(tmp_path)
    assert len(source) == 2 and [r.task for r in source] == ["stack", None]
    assert source.features["/state"].names == ("arm.x", "arm.y", "held")
    columns = source[1].columns
    assert columns["/state"].read([2]).tolist() == [[2.0, 2.5, 0.0]]
    assert columns["/state/gripper"].read([3]).tolist() == [[0.0, 3.0]]
    assert columns["/camera"].read([0, 3]).shape == (2, 16, 24, 3)


@pytest.mark.parametrize(
    ("encoding", "shape", "dtype"),
    [("bgr8", (12, 16, 3), "u1"), ("rgba8", (12, 16, 4), "u1"), ("mono8", (12, 16), "u1"),
     ("32FC1", (12, 16), "f4")],
)  # fmt: skip
def test_raw_pictures(tmp_path, encoding, shape, dtype):
    writing = pytest.importorskip("mcap_ros2.writer")
    pixels = (np.arange(np.prod(shape)).reshape(shape) % 251).astype(dtype)
    padded = np.zeros((12, 16 * pixels[0, 0].nbytes + 8), np.uint8)
    padded[:, :-8] = np.frombuffer(pixels.tobytes(), np.uint8).reshape(12, -1)
    with open(tmp_path / "a.mcap", "wb") as file, writing.Writer(file) as writer:
        schema = writer.register_msgdef("sensor_msgs/msg/Image", bags.IMAGE)
        for n in range(2):
            message = {"header": bags.header(n), "height": 12, "width": 16, "encoding": encoding}
            message |= {"is_bigendian": 0, "step": padded.shape[1], "data": padded.tobytes()}
            writer.write_message("/camera", schema, message, bags.BEGIN + n, bags.BEGIN + n)
    source = McapSource(tmp_path / "a.mcap")
    seen = source[0].columns["/camera"].read([1])[0]
    if encoding == "32FC1":
        assert source.features["/camera"].content == "depth"
        np.testing.assert_array_equal(seen[..., 0], pixels)
    elif encoding == "mono8":
        np.testing.assert_array_equal(seen[..., 0], pixels)
    else:
        colours = pixels[..., [2, 1, 0]] if encoding == "bgr8" else pixels[..., :3]
        np.testing.assert_array_equal(seen, colours)


def test_messages_of_one_time_and_topics_that_are_no_column(tmp_path):
    writing = pytest.importorskip("mcap.writer")
    writer = writing.Writer(str(tmp_path / "a.mcap"))
    writer.start()
    schema = writer.register_schema("my.Thing", "protobuf", b"")
    odd, state = (
        writer.register_channel(*of) for of in (("/odd", "protobuf", schema), ("/x", "json", 0))
    )
    for n, value in enumerate((1.0, 2.0, 3.0)):
        writer.add_message(state, bags.BEGIN + n // 2, str(value).encode(), 0)
    writer.add_message(odd, bags.BEGIN, b"\x08\x01", 0)
    writer.finish()
    source = McapSource(tmp_path / "a.mcap")
    assert "protobuf" in source.unread["/odd"] and list(source.features) == ["/x"]
    recording = source[0]
    assert recording.columns["/x"].read([0, 1]).tolist() == [2.0, 3.0]
    assert recording.facts["doubled"]["/x"] == 1
