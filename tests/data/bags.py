"""Robot logs as MCAP files, written by the public packages."""

import io
import json

import numpy as np
import pytest
from PIL import Image

HEADER = """
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
JOINTS = (
    """# Joints as ROS 2 has them
std_msgs/Header header
string[] name
float64[] position
float64[] velocity
float64[] effort
"""
    + HEADER
)
TWIST = """geometry_msgs/Vector3 linear
geometry_msgs/Vector3 angular
================================================================================
MSG: geometry_msgs/Vector3
float64 x
float64 y
float64 z
"""
COMPRESSED = "std_msgs/Header header\nstring format\nuint8[] data\n" + HEADER
IMAGE = (
    """std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
"""
    + HEADER
)
ODD = """uint8 FINE=1
uint8 mode
int16[3] ticks
bool ok 
float32[<=4] few
string<=8 note
"""
SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND


def jpeg(image):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=95)
    return out.getvalue()


def header(n):
    return {"stamp": {"sec": n, "nanosec": 5}, "frame_id": "base" if n % 2 else "camera_link"}


def ros2(path, rows=10, **settings):
    """Three clocks: joints at 50 Hz, commands at 20 Hz, cameras at 10 Hz; what was written."""
    writing = pytest.importorskip("mcap_ros2.writer")
    rng = np.random.default_rng(0)
    told = {
        "joints": rng.normal(size=(rows * 5, 2)),
        "twist": rng.uniform(-1, 1, (rows * 2, 6)),
        "camera": np.tile(
            np.arange(rows, dtype=np.uint8)[:, None, None, None] * 20, (1, 24, 32, 3)
        ),
        "depth": rng.integers(0, 4000, (rows, 12, 16), np.uint16),
        "ticks": rng.integers(-9, 9, (rows, 3)).astype(np.int16),
    }
    with open(path, "wb") as file, writing.Writer(file, **settings) as writer:
        schemas = {
            name: writer.register_msgdef(name, text)
            for name, text in {
                "sensor_msgs/msg/JointState": JOINTS,
                "geometry_msgs/msg/Twist": TWIST,
                "sensor_msgs/msg/CompressedImage": COMPRESSED,
                "sensor_msgs/msg/Image": IMAGE,
                "my_msgs/msg/Odd": ODD,
                "std_msgs/msg/String": "string data",
            }.items()
        }

        def write(topic, type, seconds, message):
            time = BEGIN + int(round(seconds * SECOND))
            writer.write_message(topic, schemas[type], message, time, time)

        for n, position in enumerate(told["joints"]):
            message = {"header": header(n), "name": ["hip", "knee"], "position": position.tolist()}
            message |= {"velocity": (2 * position).tolist(), "effort": []}
            write("/joint_states", "sensor_msgs/msg/JointState", n / 50, message)
        for n, v in enumerate(told["twist"].tolist()):
            linear, angular = (dict(zip("xyz", part, strict=True)) for part in (v[:3], v[3:]))
            write(
                "/cmd_vel",
                "geometry_msgs/msg/Twist",
                n / 20,
                {"linear": linear, "angular": angular},
            )
        for n in range(rows):
            picture = {"header": header(n), "format": "jpeg", "data": jpeg(told["camera"][n])}
            write("/camera/compressed", "sensor_msgs/msg/CompressedImage", n / 10, picture)
            flat = told["depth"][n].astype("<u2").tobytes()
            raw = {"header": header(n), "height": 12, "width": 16, "encoding": "16UC1"}
            raw |= {"is_bigendian": 0, "step": 32, "data": flat}
            write("/depth", "sensor_msgs/msg/Image", n / 10, raw)
            odd = {"mode": n, "ticks": told["ticks"][n].tolist(), "ok": n % 2 == 0}
            odd |= {"few": [0.5, n], "note": "x" * (n % 4)}
            write("/odd", "my_msgs/msg/Odd", n / 10, odd)
            write("/say", "std_msgs/msg/String", n / 10, {"data": "lift" if n < 5 else "drop"})
    return told


def json_channels(path, rows=10, notes=None, **settings):
    """Channels of JSON without a schema, and Foxglove's pictures."""
    import base64

    writing = pytest.importorskip("mcap.writer")
    writer = writing.Writer(str(path), **settings)
    writer.start()
    schema = writer.register_schema("foxglove.CompressedImage", "jsonschema", b"{}")
    state = writer.register_channel("/state", "json", 0)
    camera = writer.register_channel("/camera", "json", schema)
    for n in range(rows):
        time = BEGIN + n * SECOND // 10
        said = {"arm": {"x": float(n), "y": 2.5}, "gripper": [0.0, float(n)], "held": n > 3}
        picture = np.full((16, 24, 3), n * 10, np.uint8)
        shown = {"format": "jpeg", "data": base64.b64encode(jpeg(picture)).decode()}
        writer.add_message(state, time, json.dumps(said).encode(), time)
        writer.add_message(camera, time, json.dumps(shown).encode(), time)
    if notes:
        writer.add_metadata("about", notes)
    writer.finish()
