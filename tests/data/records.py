"""TFDS datasets made by hand: TFRecord framing, Examples, features.json, dataset_info.json."""

import io
import json
import struct

import numpy as np
from PIL import Image

DICT = "tensorflow_datasets.core.features.features_dict.FeaturesDict"


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, data, wire=2):
    tag = varint(number << 3 | wire)
    return tag + (varint(len(data)) + data if wire == 2 else data)


def feature(values):
    """Bytes, floats or whole numbers as a tf.train.Feature."""
    if isinstance(values[0], bytes):
        return field(1, b"".join(field(1, value) for value in values))
    values = np.ravel(values)
    if values.dtype.kind == "f":
        return field(2, field(1, values.astype("<f4").tobytes()))
    return field(3, field(1, b"".join(varint(int(value)) for value in values)))


def example(features):
    entries = (field(1, k.encode()) + field(2, feature(v)) for k, v in features.items())
    return field(1, b"".join(field(1, entry) for entry in entries))


def crc(data):
    import google_crc32c

    value = google_crc32c.value(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(record):
    length = struct.pack("<Q", len(record))
    return length + crc(length) + record + crc(record)


def png(image):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def tensor(shape, dtype, encoding="none"):
    sides = [str(side) for side in shape]
    return {"tensor": {"shape": {"dimensions": sides}, "dtype": dtype, "encoding": encoding}}


def image(shape, dtype="uint8"):
    sides = [str(side) for side in shape]
    return {"image": {"shape": {"dimensions": sides}, "dtype": dtype, "encodingFormat": "png"}}


def features_dict(features):
    return {"pythonClassName": DICT, "featuresDict": {"features": features}}


def write(folder, episodes, step, shards=2, described=True):
    """Episodes, each features by name, as a dataset of TFDS; `step` describes their steps."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [episodes[n::shards] for n in range(shards)]
    for n, part in enumerate(parts):
        name = f"toy-train.tfrecord-{n:05d}-of-{shards:05d}"
        (folder / name).write_bytes(b"".join(framed(example(episode)) for episode in part))
    lengths = [str(len(part)) for part in parts]
    info = {"name": "toy", "splits": [{"name": "train", "shardLengths": lengths}]}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    if described:
        steps = {"sequence": {"feature": step, "length": "-1"}}
        document = features_dict({"steps": steps, "episode_metadata": features_dict({})})
        (folder / "features.json").write_text(json.dumps(document))
    return folder


STEP = features_dict(
    {
        "observation": features_dict(
            {
                "image": image((16, 20, 3)),
                "depth": image((16, 20, 1), "uint16"),
                "state": tensor((3,), "float32"),
                "mode": {"classLabel": {"numClasses": "4"}},
                "packed": tensor((2, 2), "float64", "zlib"),
                "boxes": {"sequence": {"feature": tensor((4,), "float32")}},
            }
        ),
        "action": tensor((2,), "float32"),
        "reward": tensor((), "float32"),
        "is_first": tensor((), "bool"),
        "is_last": tensor((), "bool"),
        "is_terminal": tensor((), "bool"),
        "language_instruction": {"text": {}},
    }
)


def episode(seed=0, length=6, filler=True, terminal=True):
    """The features of one record, and what they are as arrays."""
    import zlib

    rng, rows = np.random.default_rng(seed), np.arange(length)
    told = {
        "image": rng.integers(0, 256, (length, 16, 20, 3), np.uint8),
        "depth": rng.integers(0, 5000, (length, 16, 20), np.uint16),
        "state": rng.normal(size=(length, 3)).astype("f4"),
        "mode": rng.integers(0, 4, length),
        "packed": rng.normal(size=(length, 2, 2)),
        "action": rng.uniform(-1, 1, (length, 2)).astype("f4"),
        "reward": rng.normal(size=length).astype("f4"),
    }
    if filler:
        told["action"][-1], told["reward"][-1] = 0, 0
    features = {
        "steps/observation/image": [png(frame) for frame in told["image"]],
        "steps/observation/depth": [png(frame) for frame in told["depth"]],
        "steps/observation/state": told["state"],
        "steps/observation/mode": told["mode"],
        "steps/observation/packed": [zlib.compress(block.tobytes()) for block in told["packed"]],
        "steps/action": told["action"],
        "steps/reward": told["reward"],
        "steps/is_first": (rows == 0).astype(int),
        "steps/is_last": (rows == length - 1).astype(int),
        "steps/is_terminal": ((rows == length - 1) & terminal).astype(int),
        "steps/language_instruction": [b"push it"] * length,
        "episode_metadata/file_path": [b"/somewhere/else"],
    }
    return features, told
