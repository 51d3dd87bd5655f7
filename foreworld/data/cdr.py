"""Messages of ROS as columns of numbers: a layout is found once, and read from all at a time.

schema = Schema("sensor_msgs/msg/JointState", definition)
found = schema.columns(payloads, file, topic)
found["position"].values      # float64 [messages, joints]

CDR is OMG's DDSI-RTPS 10: four bytes that say the byte order, then numbers at multiples of their
size, and lengths (u32) before strings and sequences. ROS 1 has no such four bytes and no padding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foreworld.data.bounds import REWRITE
from foreworld.data.recording import Broken

NUMBERS = {
    "bool": "?", "byte": "u1", "char": "u1", "uint8": "u1", "int8": "i1", "uint16": "u2",
    "int16": "i2", "uint32": "u4", "int32": "i4", "uint64": "u8", "int64": "i8",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
TIMES = {  # that ROS has without a definition
    "builtin_interfaces/Time": ("int32", "uint32"),
    "builtin_interfaces/Duration": ("int32", "uint32"),
    "time": ("uint32", "uint32"),
    "duration": ("int32", "int32"),
}  # fmt: skip
PLAIN_CDR = (b"\0\0", b"\0\1")  # big and little endian
MOST_PARTS = 4096  # of one message: a list of more things is no column
MOST_LAYOUTS = 256  # among the messages of one topic
DEEPEST = 16
FIELD = re.compile(r"^([\w/]+)(?:<=\d+)?(\[(?:<=)?(\d*)\])?\s+(\w+)")


@dataclass(frozen=True)
class Part:
    """Numbers in a message, or the letters of a string, and where they are."""

    path: str
    dtype: str  # numpy's, "S" for letters
    offset: int
    count: int
    single: bool = True  # one number, and not a list of one


@dataclass
class Layout:
    """The parts of one message, and where in it their lengths are written."""

    parts: list[Part] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)  # offsets of u32s


@dataclass(frozen=True)
class Field:
    type: str
    name: str
    many: int | None  # None: one; 0: a sequence; else so many


class Schema:
    """A message type of ROS 2, or of ROS 1. Raises Broken where its definition has holes."""

    def __init__(self, name: str, definition: str, file: Path, ros2: bool = True) -> None:
        self.file, self.ros2 = file, ros2
        self._root = _short(name)
        self._types = _types(self._root, definition)

    def layout(self, payload: memoryview, what: str) -> Layout:
        """Where the parts of one message are. Raises Broken where it is cut short."""
        walk = _Walk(self, payload, what)
        walk.message(self._root, "", 0)
        return walk.layout

    def parts(self, payloads: Sequence[memoryview], what: str) -> dict[str, np.ndarray]:
        """Single numbers [n] and lists [n, count] of n messages by path.

        Of strings only one that is the whole message, [n] as objects. Raises Broken where a list
        has another length in one message than in another.
        """
        blocks: dict[str, np.ndarray] = {}
        for rows, layout, stack in self._alike(payloads, what):
            for part in layout.parts:
                if part.dtype == "S" and len(layout.parts) > 1:
                    continue
                values = self._values(stack, part)
                if part.path not in blocks:
                    blocks[part.path] = np.empty((len(payloads), *values.shape[1:]), values.dtype)
                if blocks[part.path].shape[1:] != values.shape[1:]:
                    wrong = f"{part.count} numbers in some messages, {blocks[part.path].shape[1:]}"
                    fix = "record lists of one length, or leave this topic out of the mapping"
                    raise Broken(self.file, f"{what}.{part.path}", f"{wrong} in others", fix)
                blocks[part.path][rows] = values
        return blocks

    def fields(self, type: str, what: str) -> list[Field]:
        """What a type is made of."""
        if type in TIMES and type not in self._types:
            return [Field(t, n, None) for t, n in zip(TIMES[type], ("sec", "nanosec"), strict=True)]
        if type not in self._types:
            raise Broken(self.file, what, f"its schema does not define {type}", REWRITE)
        return self._types[type]

    def _alike(
        self, payloads: Sequence[memoryview], what: str
    ) -> list[tuple[np.ndarray, Layout, np.ndarray]]:
        """Messages of one layout as a block of bytes [n, length], for each layout."""
        found = []
        sizes = np.array([len(p) for p in payloads])
        for size in np.unique(sizes):
            rows = np.flatnonzero(sizes == size)
            stack = np.frombuffer(b"".join(payloads[n] for n in rows.tolist()), np.uint8)
            stack = stack.reshape(len(rows), int(size))
            while len(rows):
                layout = self.layout(payloads[int(rows[0])], what)
                order = (0,) if self.ros2 else ()
                at = [n for start in (*order, *layout.lengths) for n in range(start, start + 4)]
                same = (stack[:, at] == stack[0, at]).all(1)
                found.append((rows[same], layout, stack[same]))
                rows, stack = rows[~same], stack[~same]
                if len(found) > MOST_LAYOUTS:
                    fix = "leave this topic out of the mapping"
                    raise Broken(self.file, what, "its lists change their lengths", fix)
        return found

    def _values(self, stack: np.ndarray, part: Part) -> np.ndarray:
        """One part of messages [n, length] of one layout."""
        size = 1 if part.dtype == "S" else np.dtype(part.dtype).itemsize
        taken = np.ascontiguousarray(stack[:, part.offset : part.offset + part.count * size])
        if part.dtype == "S":
            return np.array([row.tobytes().decode("utf-8", "replace") for row in taken], object)
        order = "<" if _little(stack[0], self.ros2) else ">"
        values = taken.view(np.dtype(part.dtype).newbyteorder(order)).astype(part.dtype)
        return values[:, 0] if part.single else values


class _Walk:
    """One message, from its first byte to its last."""

    def __init__(self, schema: Schema, payload: memoryview, what: str) -> None:
        self.schema, self.data, self.what = schema, payload, what
        self.origin = 4 if schema.ros2 else 0
        if schema.ros2 and bytes(payload[:2]) not in PLAIN_CDR:
            wrong = f"is packed as {bytes(payload[:4]).hex() or 'nothing'}, not as plain CDR"
            raise Broken(schema.file, what, wrong, REWRITE)
        self.at = self.origin
        self.order = "little" if _little(payload, schema.ros2) else "big"
        self.layout = Layout()

    def message(self, type: str, path: str, depth: int) -> None:
        if depth > DEEPEST or len(self.layout.parts) > MOST_PARTS:
            raise Broken(self.schema.file, self.what, f"more than {MOST_PARTS} parts", REWRITE)
        for part in self.schema.fields(type, self.what):
            name = f"{path}.{part.name}" if path else part.name
            many = part.many
            if part.many == 0:
                many = self._length()
            if part.type in NUMBERS:
                self._numbers(name, NUMBERS[part.type], 1 if many is None else many, many is None)
                continue
            if (many or 1) > MOST_PARTS:
                wrong = f"{name} has {many} parts, at most {MOST_PARTS} are believed"
                raise Broken(self.schema.file, self.what, wrong, REWRITE)
            for n in range(1 if many is None else many):
                each = name if many is None else f"{name}.{n}"
                self._text(each) if part.type == "string" else self.message(
                    part.type, each, depth + 1
                )

    def _numbers(self, path: str, dtype: str, count: int, single: bool) -> None:
        if count:
            size = np.dtype(dtype).itemsize
            self._align(size)
            self.layout.parts.append(Part(path, dtype, self.at, count, single))
            self._forward(size * count)

    def _text(self, path: str) -> None:
        length = self._length()
        letters = length - 1 if self.schema.ros2 and length else length  # a zero ends it
        self.layout.parts.append(Part(path, "S", self.at, letters))
        self._forward(length)

    def _length(self) -> int:
        self._align(4)
        at = self.at
        self._forward(4)
        self.layout.lengths.append(at)
        return int.from_bytes(self.data[at : at + 4], self.order)  # type: ignore[arg-type]

    def _align(self, size: int) -> None:
        if self.schema.ros2:
            self.at += -(self.at - self.origin) % size

    def _forward(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            wrong = f"a message of {len(self.data)} bytes is shorter than its type"
            raise Broken(self.schema.file, self.what, wrong, REWRITE)


def _little(payload: memoryview | np.ndarray, ros2: bool) -> bool:
    return not ros2 or len(payload) < 2 or bool(payload[1] & 1)


def _types(root: str, definition: str) -> dict[str, list[Field]]:
    """Types by name: the first is the message, others follow lines of `=`, named by `MSG:`."""
    found: dict[str, list[Field]] = {}
    name = root
    for line in definition.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("MSG:"):
            name = _short(line.removeprefix("MSG:").strip())
        elif (match := FIELD.match(line)) and not _is_constant(line[match.end() :]):
            type, brackets, count, label = match.groups()
            many = None if not brackets else int(count) if count and "<=" not in brackets else 0
            found.setdefault(name, []).append(Field(_typed(type, name), label, many))
        found.setdefault(name, [])
    return found


def _is_constant(rest: str) -> bool:
    return rest.lstrip().startswith("=")


def _typed(type: str, within: str) -> str:
    """A type by its full name; ROS lets a package leave out its own."""
    if type in NUMBERS or type in ("string", "wstring", "time", "duration"):
        return type
    if type == "Header":
        return "std_msgs/Header"
    return _short(type) if "/" in type else f"{within.split('/')[0]}/{type}"


def _short(name: str) -> str:
    """ "std_msgs/msg/Header" as "std_msgs/Header"."""
    parts = name.split("/")
    return f"{parts[0]}/{parts[-1]}" if len(parts) > 1 else name
