"""What clients may say and how frames are packed: docs/protocol.md in code.

read('{"t": "keys", "seq": 3, "down": ["w"]}')       # Keys(seq=3, down=["w"]), or a Refusal
pack(Header(node=7, ...), picture, truth, extras)    # bytes of one binary frame
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from foreworld.errors import unknown

VERSION = 1
MOST_BYTES = 65_536  # of a client's message
MOST_NUMBER = 2**53 - 1  # beyond, a browser cannot count

Seq = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]
Name = Annotated[str, Field(max_length=64)]
Nodes = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Action = Number | Annotated[list[Number], Field(max_length=256)]


class Refusal(ValueError):
    """Something that is answered by `error`: a code, what was wrong, and what to do."""

    def __init__(self, code: str, msg: str, fix: str = "", seq: int | None = None) -> None:
        super().__init__(msg)
        self.code, self.msg, self.fix, self.seq = code, msg, fix, seq

    def to_json(self) -> dict[str, Any]:
        said = {"code": self.code, "msg": self.msg, "fix": self.fix, "seq": self.seq}
        return {"t": "error", **said}


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WorldStart(Message):
    source: Literal["world"] = Field(alias="from")


class EpisodeStart(Message):
    source: Literal["episode"] = Field(alias="from")
    id: Nodes | None = None
    t: Annotated[int, Field(ge=1, le=10**6, strict=True)] | None = None


class ModelStart(Message):
    source: Literal["model"] = Field(alias="from")


class SnapshotStart(Message):
    source: Literal["snapshot"] = Field(alias="from")
    hash: Name


Start = Annotated[
    WorldStart | EpisodeStart | ModelStart | SnapshotStart, Field(discriminator="source")
]
Seed = Annotated[int, Field(ge=0, le=MOST_NUMBER, strict=True)]


class Hello(Message):
    t: Literal["hello"]
    v: Literal[1] = 1
    world: Name | None = None
    seed: Seed | None = None
    resume: Name | None = None
    start: Start | None = None
    chance: bool = False
    encoding: Literal["jpeg", "raw"] = "jpeg"
    token: Annotated[str, Field(max_length=256)] | None = None
    seq: Seq | None = None


class Keys(Message):
    t: Literal["keys"]
    seq: Seq
    down: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=32)]
    shown: Nodes | None = None


class Act(Message):
    t: Literal["act"]
    seq: Seq
    a: Action | None = None
    shown: Nodes | None = None


class Ctl(Message):
    t: Literal["ctl"]
    seq: Seq
    op: Name
    arg: Any = None


class Branch(Message):
    t: Literal["branch"]
    seq: Seq
    source: Nodes | None = Field(default=None, alias="from")
    label: Name = ""
    go: bool = True


class Compare(Message):
    t: Literal["compare"]
    seq: Seq
    branches: Annotated[
        list[Annotated[int, Field(ge=0, le=65535, strict=True)]], Field(min_length=2, max_length=8)
    ]
    h: Annotated[int, Field(ge=1, le=200, strict=True)] = 30
    n: Annotated[int, Field(ge=2, le=64, strict=True)] = 16


class Snapshot(Message):
    t: Literal["snapshot"]
    seq: Seq


class Restore(Message):
    t: Literal["restore"]
    seq: Seq
    hash: Name


class Plan(Message):
    t: Literal["plan"]
    seq: Seq
    count: Annotated[int, Field(ge=1, le=16, strict=True)] = 8


class Ping(Message):
    t: Literal["ping"]
    seq: Seq
    tc: Number | None = None


Client = Hello | Keys | Act | Ctl | Branch | Compare | Snapshot | Restore | Plan | Ping
KINDS = ("hello", "keys", "act", "ctl", "branch", "compare", "snapshot", "restore", "plan", "ping")
_CLIENT: TypeAdapter[Any] = TypeAdapter(Annotated[Client, Field(discriminator="t")])


# What `ctl` takes, by operation: the type of `arg`.


class To(Message):
    node: Nodes


class Again(Message):
    """Where to begin anew, and with which seed; both may stay as they are."""

    start: Start | None = None
    seed: Seed | None = None


class On(Message):
    on: bool
    source: Literal["dream", "truth"] = "dream"


Count = Annotated[int, Field(ge=1, le=50, strict=True)]
OPERATIONS: dict[str, Any] = {
    "pause": None,
    "play": None,
    "step": Count,
    "reset": Again,
    "rewind": Annotated[int, Field(ge=1, le=10**9, strict=True)] | To,
    "goto": Annotated[int, Field(ge=0, le=65535, strict=True)],
    "speed": Literal[0.25, 0.5, 1, 2, 4],
    "policy": Name,
    "truth": bool,
    "chance": bool,
    "resync": None,
    "view": Name,
    "record": On,
}
OPTIONAL = ("step", "reset", "rewind")  # may go without `arg`
_ARGS = {op: TypeAdapter(kind) for op, kind in OPERATIONS.items()}


def read(text: str | bytes) -> Client:
    """A client's message. Raises Refusal with a code, what was wrong and what is valid."""
    if len(text if isinstance(text, bytes) else text.encode("utf-8", "replace")) > MOST_BYTES:
        raise Refusal("too_large", "the message is too large", f"at most {MOST_BYTES} bytes")
    if isinstance(text, bytes):
        raise Refusal("malformed", "a binary message", "clients speak JSON text")
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("malformed", "this is no JSON", "send one JSON object a message") from None
    if not isinstance(data, dict):
        raise Refusal("malformed", "this is no JSON object", 'send {"t": …, "seq": …}')
    seq = data.get("seq")
    seq = seq if type(seq) is int and 0 <= seq < 2**32 else None
    kind = data.get("t")
    if not isinstance(kind, str) or kind not in KINDS:
        problem = unknown("message", str(kind)[:40], KINDS)
        raise Refusal("unknown", str(problem), "see docs/protocol.md", seq)
    try:
        message = _CLIENT.validate_python(data)
        return _with_argument(message) if isinstance(message, Ctl) else message
    except ValidationError as error:
        raise Refusal("invalid", _first(error), f"see {kind} in docs/protocol.md", seq) from None
    except Refusal as refusal:
        refusal.seq = seq
        raise


def _with_argument(message: Ctl) -> Ctl:
    """The message with `arg` as what its operation takes."""
    if message.op not in _ARGS:
        raise Refusal("unknown", str(unknown("op", message.op, OPERATIONS)), "see docs/protocol.md")
    return message.model_copy(update={"arg": _argument(message)})


def _argument(message: Ctl) -> Any:
    if message.arg is None and message.op in OPTIONAL:
        return None
    if message.op == "reset" and isinstance(message.arg, dict):
        # {"from": …, "seed": …} as one object on the wire, two things in code.
        start = {k: v for k, v in message.arg.items() if k != "seed"}
        return Again.model_validate({"start": start or None, "seed": message.arg.get("seed")})
    return _ARGS[message.op].validate_python(message.arg)


def _no_constant(name: str) -> float:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}"[:300] if where else first["msg"][:300]
