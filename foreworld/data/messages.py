"""Topics of a log as columns: pictures, joints, commands and whatever else is numbers.

/camera/compressed   CompressedImage, Image, RawImage   one picture
/joint_states        JointState      /joint_states/position, /velocity, /effort, with their names
/cmd_vel             Twist           six numbers with names: linear.x … angular.z
/state               JSON            its numbers, and a column for each list

Messages are CDR (ROS 2), ROS 1's, JSON, and of protocol buffers Foxglove's pictures.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, REWRITE, json_of, same_shape
from foreworld.data.cdr import Part, Schema
from foreworld.data.columns import flattened
from foreworld.data.mcap_file import Channel
from foreworld.data.pictures import picture_feature, unpack
from foreworld.data.pixels import pixel_feature, pixels_of
from foreworld.data.recording import Broken, Feature
from foreworld.data.tfrecord import fields

PACKED = ("sensor_msgs/CompressedImage", "foxglove.CompressedImage")
RAW = ("sensor_msgs/Image", "foxglove.RawImage")
STAMPS = ("header", "timestamp", "stamp")  # parts that only say when
ROS_SCHEMAS = {"cdr": "ros2msg", "ros1": "ros1msg"}
ROS_DEPTH = 12  # bytes before the PNG of a compressedDepth picture
# Field numbers in Foxglove's protocol buffers
PROTO = {
    "foxglove.CompressedImage": {2: "data", 3: "format"},
    "foxglove.RawImage": {2: "width", 3: "height", 4: "encoding", 5: "step", 6: "data"},
}

Payloads = Sequence[memoryview]
Parts = Callable[[Payloads], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Told:
    """A column of a topic, and how its values are had from messages."""

    feature: Feature
    values: Callable[[Payloads], np.ndarray]


class Unread(Exception):
    """A topic that is no column, and why."""


def told_by(channel: Channel, first: memoryview, file: Path) -> dict[str, Told]:
    """The columns of a topic, by its first message. Raises Unread, and Broken for damage."""
    name = _type(channel.schema)
    if name in PACKED or name in RAW:
        return {channel.topic: _picture(channel, name, first, file)}
    return _numbers(channel, first, file)


def _picture(channel: Channel, name: str, first: memoryview, file: Path) -> Told:
    read = _reader(channel, file)
    what = channel.topic
    if name in PACKED:
        feature = picture_feature(_file_of(read(first), file, what), file, what)

        def packed(payloads: Payloads) -> np.ndarray:
            return unpack((_file_of(read(p), file, what) for p in payloads), feature, file, what)

        return Told(feature, packed)
    feature = pixel_feature(read(first), file, what)

    def raw(payloads: Payloads) -> np.ndarray:
        out = np.empty((len(payloads), *feature.shape), feature.dtype)
        for row, payload in zip(out, payloads, strict=True):
            row[...] = pixels_of(read(payload), feature, file, what)
        return out

    return Told(feature, raw)


def _numbers(channel: Channel, first: memoryview, file: Path) -> dict[str, Told]:
    """A column of the numbers that stand alone, one of each list, or one of words."""
    parts, topic = _parts_reader(channel, file), channel.topic
    found = {path: v for path, v in parts([first]).items() if path.split(".")[0] not in STAMPS}
    words = [path for path, v in found.items() if v.dtype == object]
    numbers = {path: v for path, v in found.items() if v.dtype != object and v.size}
    if len(words) == 1 and not numbers:
        feature = Feature((), "str", "text")
        return {topic: Told(feature, lambda payloads: parts(payloads)[words[0]])}
    single = [path for path, v in numbers.items() if v.ndim == 1]
    told = {} if not single else {topic: _together(single, numbers, parts, file, topic)}
    for path in numbers.keys() - set(single):
        names = _names(channel, first, file)
        told[f"{topic}/{path}"] = _list(path, numbers[path], names, parts, file, topic)
    if not told:
        raise Unread("holds no numbers")
    return dict(sorted(told.items()))


def _together(
    paths: list[str], seen: dict[str, np.ndarray], parts: Parts, file: Path, topic: str
) -> Told:
    """The single numbers of a message side by side; one alone has no name."""
    dtype = np.result_type(*(seen[path].dtype for path in paths))
    only = len(paths) == 1
    feature = Feature(
        () if only else (len(paths),), dtype.name, names=None if only else tuple(paths)
    )

    def values(payloads: Payloads) -> np.ndarray:
        found = parts(payloads)
        if lost := [path for path in paths if path not in found or found[path].ndim != 1]:
            raise Broken(file, topic, f"some messages lack the number {lost[0]}", REWRITE)
        return np.stack([found[p] for p in paths], 1).astype(dtype).reshape(-1, *feature.shape)

    return Told(feature, values)


def _list(
    path: str, seen: np.ndarray, names: tuple[str, ...], parts: Parts, file: Path, topic: str
) -> Told:
    """A list of numbers, which is as long in every message."""
    shape = seen.shape[1:]
    feature = Feature(shape, seen.dtype.name, names=names if shape == (len(names),) else None)

    def values(payloads: Payloads) -> np.ndarray:
        found = parts(payloads).get(path, np.empty((0, 0)))
        same_shape(file, f"{topic}.{path}", found.shape[1:], shape)
        return found

    return Told(feature, values)


def _parts_reader(channel: Channel, file: Path) -> Parts:
    """What finds the numbers of messages: single ones [n], lists [n, count], words [n]."""
    if channel.encoding == "json":
        return lambda payloads: _json_parts(payloads, file, channel.topic)
    if channel.encoding not in ROS_SCHEMAS:
        raise Unread(f"its messages are packed as {channel.encoding!r}, type {channel.schema!r}")
    schema = _schema(channel, file)
    return lambda payloads: schema.parts(payloads, channel.topic)


def _schema(channel: Channel, file: Path) -> Schema:
    if channel.schema_encoding != ROS_SCHEMAS[channel.encoding]:
        raise Unread(f"its schema is in {channel.schema_encoding!r}")
    text = channel.definition.decode("utf-8", "replace")
    return Schema(channel.schema, text, file, channel.encoding == "cdr")


def _json_parts(payloads: Payloads, file: Path, topic: str) -> dict[str, np.ndarray]:
    rows = [_flat(json_of(bytes(payload), file, topic)) for payload in payloads]
    found: dict[str, np.ndarray] = {}
    for name in rows[0] if rows else ():
        try:
            column = [row[name] for row in rows]
            words = isinstance(column[0], str)
            values = np.array(column, object) if words else np.asarray(column)
        except (KeyError, ValueError) as error:
            wrong, fix = (
                f"messages differ in {name}: {error}",
                "leave this topic out of the mapping",
            )
            raise Broken(file, topic, wrong, fix) from None
        if words or values.dtype.kind in "biuf":
            found[name] = values
    return found


def _flat(message: Any) -> dict[str, Any]:
    """Entries by path; of a message that is no object, one entry `data`."""
    if not isinstance(message, dict):
        return {"data": message}
    return {k: v for k, v in sorted(flattened(message, ".").items()) if v is not None}


def _names(channel: Channel, first: memoryview, file: Path) -> tuple[str, ...]:
    """What joints are called: the list `name` of a message."""
    if channel.encoding == "json":
        names = _flat(json_of(bytes(first), file, channel.topic)).get("name")
        return tuple(map(str, names)) if isinstance(names, list) else ()
    layout = _schema(channel, file).layout(first, channel.topic)
    return tuple(_text(first, p) for p in layout.parts if re.fullmatch(r"name\.\d+", p.path))


def _reader(channel: Channel, file: Path) -> Callable[[memoryview], dict[str, Any]]:
    """What finds the entries of a picture's message: numbers, strings and bytes by name."""
    name = _type(channel.schema)
    if channel.encoding == "json":
        return lambda payload: _json_picture(payload, file, channel.topic)
    if channel.encoding == "protobuf" and name in PROTO:
        return lambda payload: _proto_picture(payload, PROTO[name], file, channel.topic)
    if channel.encoding not in ROS_SCHEMAS:
        raise Unread(f"pictures packed as {channel.encoding!r}")
    schema = _schema(channel, file)

    def ros(payload: memoryview) -> dict[str, Any]:
        parts = {p.path: p for p in schema.layout(payload, channel.topic).parts}
        return {name: _entry(payload, part) for name, part in parts.items()}

    return ros


def _entry(payload: memoryview, part: Part) -> Any:
    if part.dtype == "S":
        return _text(payload, part)
    if not part.single:
        return payload[part.offset : part.offset + part.count * np.dtype(part.dtype).itemsize]
    order = "<" if payload[1:2] != b"\0" else ">"
    return np.frombuffer(payload, np.dtype(part.dtype).newbyteorder(order), 1, part.offset)[0]


def _text(payload: memoryview, part: Part) -> str:
    return bytes(payload[part.offset : part.offset + part.count]).decode("utf-8", "replace")


def _json_picture(payload: memoryview, file: Path, topic: str) -> dict[str, Any]:
    message = json_of(bytes(payload), file, topic)
    try:
        return {**message, "data": base64.b64decode(message["data"], validate=True)}
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(file, f"{topic}.data", f"is no base64: {error!r}", REWRITE) from error


def _proto_picture(
    payload: memoryview, names: dict[int, str], file: Path, topic: str
) -> dict[str, Any]:
    try:
        found = {names[n]: value for n, _, value in fields(payload) if n in names}
    except (ValueError, IndexError) as error:
        raise Broken(file, topic, f"is no {' or '.join(PROTO)}: {error}", COPY) from error
    words = ("format", "encoding")
    # Fixed32 numbers come as four bytes
    return {
        k: bytes(v).decode("utf-8", "replace") if k in words
        else int.from_bytes(v, "little") if k != "data" and not isinstance(v, int) else v
        for k, v in found.items()
    }  # fmt: skip


def _file_of(message: dict[str, Any], file: Path, topic: str) -> bytes:
    """The JPEG or PNG file of a compressed picture."""
    if "data" not in message:
        raise Broken(file, topic, "a message has no picture", REWRITE)
    deep = "compressedDepth" in str(message.get("format", ""))
    return bytes(message["data"])[ROS_DEPTH if deep else 0 :]


def _type(schema: str) -> str:
    """ "sensor_msgs/msg/Image" as "sensor_msgs/Image"."""
    parts = schema.split("/")
    return f"{parts[0]}/{parts[-1]}" if len(parts) == 3 else schema
