"""What a file claims, held against what it can be."""

import zipfile

import numpy as np
import pytest

from foreworld.data.bounds import Reading, believable, inside, members, rate, stretches
from foreworld.data.recording import Broken
from foreworld.data.unpacking import CODECS, unpack

OUTSIDE = (
    "../x",
    "a/../../x",
    "/etc/passwd",
    "C:\\x",
    "\\\\host\\x",
    "..\\x",
    "",
    "a\0b",
    "link/x",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_paths_that_lead_out(tmp_path, name):
    folder = tmp_path / "set"
    folder.mkdir()
    (tmp_path / "x").write_text("secret")
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(Broken, match="info.json: data_path: .*leads out of the folder"):
        inside(folder, name, "info.json", "data_path")


def test_paths_that_stay(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for name in ("a/x.mp4", "b/x.mp4", "a/.../x", "new/file"):
        assert inside(tmp_path, name, "info.json", "data_path") == tmp_path / name


def test_sizes():
    f4 = np.dtype("f4")
    assert believable("f", "x", (1000, 7), f4, stored=100) == 28_000
    assert believable("f", "x", (10**9, 7), f4, stored=10**9) == 28 * 10**9  # read in parts
    assert believable("f", "x", (), f4) == 4
    for shape, dtype, stored in (
        ((10**12,), f4, 40_000), ((10**10,), f4, None), ((-1, 4), f4, 10), ((4,), np.dtype("O"), 9)
    ):  # fmt: skip
        with pytest.raises(Broken, match="f: x: "):
            believable("f", "x", shape, dtype, stored)


def test_ends_and_rates():
    assert stretches("f", "ends", np.array([3, 5]), 9).tolist() == [[0, 3], [3, 5]]
    assert stretches("f", "ends", np.array([], int), 9).shape == (0, 2)
    for ends in ([0, 3], [3, 3], [5, 3], [-1], [10]):
        with pytest.raises(Broken, match="f: ends: "):
            stretches("f", "ends", np.array(ends), 9)
    assert rate(None, "f") == 1.0 and rate(np.float64(12.5), "f") == 12.5
    for wrong in (0, -1, "10", True, float("nan"), float("inf"), [10]):
        with pytest.raises(Broken, match="f: fps: "):
            rate(wrong, "f")


@pytest.mark.parametrize("codec", [name for name in CODECS if name])
def test_every_codec_gives_what_was_packed_and_no_more(codec):
    packed = pack(codec, data := bytes(range(250)) * 40)
    assert unpack(codec, packed, len(data), "f", "x") == data
    for size in (len(data) - 1, len(data) + 1):
        with pytest.raises(Broken, match=f"f: x: unpacks to .*not to {size:,}"):
            unpack(codec, packed, size, "f", "x")
    with pytest.raises(Broken, match="f: x: "):
        unpack(codec, packed[: len(packed) // 2], len(data), "f", "x")


def pack(codec, data):
    import bz2
    import gzip
    import lzma
    import zlib

    import lz4.frame
    import numcodecs
    import zstandard

    return {
        "blosc": numcodecs.Blosc().encode, "zstd": zstandard.compress,
        "lz4": numcodecs.LZ4().encode, "lz4-frame": lz4.frame.compress, "zlib": zlib.compress,
        "gzip": gzip.compress, "bz2": bz2.compress, "lzma": lzma.compress,
    }[codec](data)  # fmt: skip


def test_parts_of_a_zip_that_overlap(tmp_path):
    """Many names for one part: a small file that unpacks to much, of small parts."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(1_000_000))
        (info,) = archive.infolist()
        for n in range(1, 50):
            twin = zipfile.ZipInfo(str(n))
            for name in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(twin, name, getattr(info, name))
            archive.filelist.append(twin)
    with pytest.raises(Broken, match="50 parts of .* it is a zip bomb"):
        members(path)


def test_what_a_library_raises_is_the_files_fault_and_what_we_raise_is_kept():
    with pytest.raises(Broken, match="f: x: cannot be read: 'k'; copy"), Reading("f", "x"):
        raise KeyError("k")
    with pytest.raises(Broken, match="^g: y: z; fix$"), Reading("f", "x"):
        raise Broken("g", "y", "z", "fix")
    with pytest.raises(KeyboardInterrupt), Reading("f", "x"):
        raise KeyboardInterrupt
