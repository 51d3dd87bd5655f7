"""What is said over the wire is what docs/protocol.md says."""

import json
import math
import re
from pathlib import Path

import pytest

from foreworld.studio import protocol
from foreworld.studio.packing import Flag, Header, dumps, pack, unpack
from foreworld.studio.protocol import Refusal, read

DOC = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()


def refused(text):
    with pytest.raises(Refusal) as caught:
        read(text)
    return caught.value


def test_messages_are_read():
    keys = read('{"t": "keys", "seq": 3, "down": ["w", "a"], "shown": 12}')
    assert isinstance(keys, protocol.Keys) and keys.down == ["w", "a"] and keys.shown == 12
    hello = read('{"t": "hello", "start": {"from": "episode", "t": 4}}')
    assert hello.start.model_dump(by_alias=True) == {"from": "episode", "id": None, "t": 4}
    assert read('{"t": "ctl", "seq": 1, "op": "rewind", "arg": {"node": 4}}').arg.node == 4
    again = read('{"t": "ctl", "seq": 1, "op": "reset", "arg": {"from": "world", "seed": 7}}').arg
    assert again.seed == 7 and again.start.source == "world"
    assert read('{"t": "ctl", "seq": 1, "op": "reset", "arg": {"seed": 7}}').arg.start is None
    assert read('{"t": "branch", "seq": 1, "from": 9}').source == 9


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "malformed", "no JSON"),
        ("{", "malformed", "no JSON"),
        ("[" * 60_000, "malformed", "no JSON"),
        ('{"t": "ping", "seq": 1, "tc": NaN}', "malformed", "no JSON"),
        ("[1]", "malformed", "no JSON object"),
        (b"\x00\x01", "malformed", "binary"),
        ('{"t": "kyes", "seq": 1}', "unknown", "did you mean 'keys'"),
        ('{"t": ["keys"], "seq": 1}', "unknown", "message"),
        ('{"t": "keys", "seq": 1}', "invalid", "down"),
        ('{"t": "keys", "seq": -1, "down": []}', "invalid", "seq"),
        ('{"t": "keys", "seq": 1, "down": [], "up": []}', "invalid", "up"),
        ('{"t": "ctl", "seq": 1, "op": "rewnd"}', "unknown", "did you mean 'rewind'"),
        ('{"t": "ctl", "seq": 1, "op": "speed", "arg": 3}', "invalid", "Input should be"),
        ('{"t": "ctl", "seq": 1, "op": "step", "arg": 51}', "invalid", "50"),
        ('{"t": "ctl", "seq": 1, "op": "reset", "arg": {"from": "moon"}}', "invalid", "moon"),
        ('{"t": "ping", "seq": 1, "tc": "' + "x" * 70_000 + '"}', "too_large", "too large"),
    ],
)
def test_refusals_say_what_is_wrong(text, code, says):
    refusal = refused(text)
    assert refusal.code == code and says in refusal.msg and len(refusal.msg) < 400


def test_a_refusal_names_the_message():
    assert refused('{"t": "keys", "seq": 41}').seq == 41
    assert refused('{"t": "ctl", "seq": 42, "op": "x"}').seq == 42
    assert refused('{"t": "keys", "seq": "41"}').seq is None


def test_frames_come_back_whole():
    header = Header(7, 2, Flag.LOST | Flag.RAW, 120, 12.5, 41, 0.25, math.nan, 1.5, 2.0, 3.0, 9)
    data = pack(header, b"dream", b"truth!", {"point": [1.0, math.nan]})
    frame = unpack(data)
    assert frame.picture == b"dream" and frame.truth == b"truth!"
    assert frame.extras == {"point": [1.0, None]}
    assert frame.header[:7] == header[:7] and math.isnan(frame.header.uncertainty)
    assert frame.header.late == 9
    for broken in (data[:-1], data + b"x", b"FW00" + data[4:], b""):
        with pytest.raises(ValueError, match="frame"):
            unpack(broken)


def test_what_is_not_finite_is_null():
    assert json.loads(dumps({"a": [math.inf, (1.0, math.nan)]})) == {"a": [None, [1.0, None]]}


def test_the_document_says_the_same():
    client, server = DOC.split("## Server → client: JSON text")
    messages, operations = client.split("`ctl` operations:")
    told = re.findall(r"^\| `(\w+)` \|", messages.split("`start` says")[0], re.M)
    assert tuple(told[1:]) == protocol.KINDS  # after the head of the table
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", operations, re.M)
    assert [op for row in rows for op in re.findall(r"`(\w+)`", row)][1:] == [*protocol.OPERATIONS]
    flags = re.search(r"\| `flags` \| (.*) \|", server)[1]
    assert [int(n) for n in re.findall(r"\b(\d+) ", flags)] == [flag.value for flag in Flag]
    assert f"{protocol.MOST_BYTES:,}" in DOC
