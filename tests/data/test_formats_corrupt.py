"""Datasets that cannot be believed: each refused with file, field and fix, and nothing written."""

import io
import json
import lzma
import os
import re
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from foreworld.data.exporting import export_store
from foreworld.data.formats import FORMATS, resolve
from foreworld.data.importing import import_dataset
from foreworld.data.recording import Broken
from foreworld.data.usual import usual
from tests.data import bags, records, stores
from tests.data.test_hdf5 import flat, robomimic
from tests.data.test_zarr import buffer, write_array

CASES = []


def case(format, answer):
    """A dataset of `format`, made broken by the function, and what the answer must say."""

    def note(make):
        name = f"{format}-{make.__name__}".replace("_", "-")
        CASES.append(pytest.param(format, make, answer, id=name))
        return make

    return note


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A sound dataset in each format that is written."""
    root = tmp_path_factory.mktemp("exported")
    store = stores.make(root / "store", lengths=(6, 9))
    for format in ("minari", "hdf5", "zarr"):
        export_store(store, root / format, format, 10.0)
    return root


@pytest.mark.parametrize(("format", "make", "answer"), CASES)
def test_it_is_refused(tmp_path, exported, format, make, answer):
    path = make(tmp_path / "data", exported)
    place = path if path.is_dir() else path.parent
    with pytest.raises(Broken) as error:
        source = resolve(FORMATS[format])(path)
        try:
            import_dataset(source, tmp_path / "out", usual(source), workers=1)
        finally:
            source.close()
    said = str(error.value)
    assert re.search(answer, said), said
    assert str(place) in said and "; " in said, said  # which file; what to do
    assert not [p for p in tmp_path.iterdir() if p.name not in ("data", "elsewhere")]


def copy(exported, format, path):
    import shutil

    shutil.copytree(exported / format, path)
    (path / "foreworld.json").unlink()
    return path


def edit(path, **changes):
    """Change entries of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


# Minari


def minari(exported, path):
    copy(exported, "minari", path)
    return path / "data" / "main_data.hdf5", path / "data" / "metadata.json"


def replaced(file, name, values, **settings):
    """A dataset in place of another."""
    with h5py.File(file, "a") as open_file:
        if name in open_file:
            del open_file[name]
        open_file.create_dataset(name, data=values, **settings)


@case("minari", r"main_data.hdf5: the file: cannot be opened as HDF5.*truncated.*copy it again")
def truncated(path, exported):
    cut(minari(exported, path)[0])
    return path


@case("minari", r"metadata.json: the file: is no JSON")
def manifest_cut(path, exported):
    cut(minari(exported, path)[1])
    return path


@case("minari", r"metadata.json: total_episodes: is not there")
def manifest_of_something_else(path, exported):
    minari(exported, path)[1].write_text('{"name": "something else"}')
    return path


@case("minari", r"metadata.json: total_episodes: says 3, there are 2")
def episodes_lost(path, exported):
    edit(minari(exported, path)[1], total_episodes=3)
    return path


@case("minari", r"metadata.json: total_steps: says 99, there are 13")
def steps_lost(path, exported):
    edit(minari(exported, path)[1], total_steps=99)
    return path


@case("minari", r"metadata.json: data_format: 'csv'; forms are hdf5, arrow and parquet")
def unknown_form(path, exported):
    edit(minari(exported, path)[1], data_format="csv")
    return path


@case("minari", r"metadata.json: observations: is no space.*spaces are Box, Discrete")
def unknown_space(path, exported):
    edit(minari(exported, path)[1], observation_space='{"type": "Graph"}')
    return path


@case("minari", r"metadata.json: fps: -3; rows a second, a number above 0")
def backwards_in_time(path, exported):
    edit(minari(exported, path)[1], fps=-3)
    return path


@case("minari", r"main_data.hdf5: episode_1: 2 groups.*without gaps")
def a_gap_between_episodes(path, exported):
    with h5py.File(minari(exported, path)[0], "a") as file:
        file.move("episode_1", "episode_7")
    return path


@case("minari", r"episode_1/observations/mode: 8 rows beside 8 actions: there should be 9")
def an_observation_lost(path, exported):
    replaced(minari(exported, path)[0], "episode_1/observations/mode", np.zeros(8, np.int64))
    return path


@case("minari", r"episode_1, total_steps: says 8, there are 5")
def actions_lost(path, exported):
    replaced(minari(exported, path)[0], "episode_1/actions", np.zeros((5, 2), "f4"))
    return path


@case("minari", r"episode_1/rewards: is not there")
def rewards_absent(path, exported):
    with h5py.File(minari(exported, path)[0], "a") as file:
        del file["episode_1/rewards"]
    return path


@case("minari", r"episode_1/actions: shape \(3,\) an instant, the dataset says \(2,\)")
def actions_of_another_width(path, exported):
    replaced(minari(exported, path)[0], "episode_1/actions", np.zeros((8, 3), "f4"))
    return path


@case("minari", r"episode_1: column 'actions': row 4 is nan")
def an_action_that_is_none(path, exported):
    actions = np.zeros((8, 2), "f4")
    actions[4, 1] = np.nan
    replaced(minari(exported, path)[0], "episode_1/actions", actions)
    return path


@case("minari", r"episode_0/rewards: links to '/etc/hostname'; copy what it links to")
def a_link_to_another_file(path, exported):
    with h5py.File(minari(exported, path)[0], "a") as file:
        del file["episode_0/rewards"]
        file["episode_0/rewards"] = h5py.ExternalLink("/etc/hostname", "/x")
    return path


@case("minari", r"episode_0/actions: its values are in another file")
def values_in_another_file(path, exported):
    file = minari(exported, path)[0]
    with h5py.File(file, "a") as open_file:
        del open_file["episode_0/actions"]
        outside = [("/etc/hostname", 0, 40)]
        open_file.create_dataset("episode_0/actions", (5, 2), "f4", external=outside)
    return path


@case("minari", r"a loop of links")
def a_loop_of_groups(path, exported):
    with h5py.File(minari(exported, path)[0], "a") as file:
        file["episode_0/infos/again"] = file["episode_0/infos"]
    return path


@case("minari", r"episode_0/observations/front: cannot be read.*")
def a_damaged_chunk(path, exported):
    file = minari(exported, path)[0]
    with h5py.File(file, "r") as open_file:
        at = open_file["episode_0/observations/front"].id.get_chunk_info(0).byte_offset
    flip(file, at + 20)
    return path


# HDF5


@case("hdf5", r"the file: cannot be opened as HDF5")
def no_hdf5(path, exported):
    path.mkdir()
    (path / "a.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    return path / "a.hdf5"


@case("hdf5", r"actions: shape \(1000000000000, 3\) of float32 would be 12,000,000,000,000 bytes")
def absurd_rows(path, exported):
    path.mkdir()
    with h5py.File(path / "a.hdf5", "w") as file:
        file["observations"] = np.zeros((4, 2))
        file.create_dataset("actions", (10**12, 3), "f4", chunks=(100, 3))
    return path / "a.hdf5"


@case("hdf5", r"observations: a chunk of 1,000 bytes is packed into .*it is a bomb")
def a_chunk_that_swells(path, exported):
    path.mkdir()
    with h5py.File(path / "a.hdf5", "w") as file:
        file["actions"] = np.zeros((10, 2))
        made = file.create_dataset(
            "observations", (10, 100), "u1", chunks=(10, 100), compression="gzip"
        )
        made.id.write_direct_chunk((0, 0), zlib.compress(bytes(20_000_000)))
    return path / "a.hdf5"


@case("hdf5", r"observations: dtype object; store numbers, booleans or text.*runs code")
def objects(path, exported):
    path.mkdir()
    with h5py.File(path / "a.hdf5", "w") as file:
        file["actions"] = np.zeros((3, 2))
        made = file.create_dataset("observations", (3,), h5py.ref_dtype)
        made[0] = file.ref
    return path / "a.hdf5"


@case("hdf5", r"observations: dtype .*; store numbers")
def records_of_several_types(path, exported):
    path.mkdir()
    with h5py.File(path / "a.hdf5", "w") as file:
        file["actions"] = np.zeros((3, 2))
        file["observations"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
    return path / "a.hdf5"


@case("hdf5", r"episode_ends: episode 1 ends at row 3 and begins at 4; the ends have to increase")
def ends_that_run_backwards(path, exported):
    path.mkdir()
    return flat(path / "a.hdf5", episode_ends=[4, 3, 12])


@case("hdf5", r"episode_ends: the last episode ends at row 99, there are 12")
def ends_beyond_the_data(path, exported):
    path.mkdir()
    return flat(path / "a.hdf5", episode_ends=[4, 99])


@case("hdf5", r"ep_len: the last episode ends at row 40, there are 12")
def lengths_beyond_the_data(path, exported):
    path.mkdir()
    return flat(path / "a.hdf5", ep_len=[4, 36])


@case("hdf5", r"episode_index: episodes lie in several pieces; sort the rows by episode")
def an_episode_in_two_pieces(path, exported):
    path.mkdir()
    return flat(path / "a.hdf5", episode_index=[0] * 4 + [1] * 4 + [0] * 4)


@case("hdf5", r"data: total: says 99, there are 21")
def demonstrations_lost(path, exported):
    path.mkdir()
    robomimic(path / "a.hdf5")
    with h5py.File(path / "a.hdf5", "a") as file:
        file["data"].attrs["total"] = 99
    return path / "a.hdf5"


@case("hdf5", r"/data/demo_1/obs/eef: 5 rows, the actions have 12")
def an_observation_too_short(path, exported):
    path.mkdir()
    robomimic(path / "a.hdf5")
    replaced(path / "a.hdf5", "data/demo_1/obs/eef", np.zeros((5, 3)))
    return path / "a.hdf5"


@case("hdf5", r"/data/demo_1: num_samples: says 12, there are 3")
def actions_too_short(path, exported):
    path.mkdir()
    robomimic(path / "a.hdf5")
    replaced(path / "a.hdf5", "data/demo_1/actions", np.zeros((3, 7)))
    return path / "a.hdf5"


@case("hdf5", r"observations/image: a picture is damaged")
def a_picture_cut_short(path, exported):
    path.mkdir()
    files = [bags.jpeg(np.full((48, 48, 3), n, np.uint8)) for n in range(3)]
    files[1] = files[1][:300] + bytes(max(0, len(files[0]) - 300))
    room = max(map(len, files))
    with h5py.File(path / "a.hdf5", "w") as file:
        padded = [np.frombuffer(data.ljust(room, b"\0"), np.uint8) for data in files]
        file["observations/image"] = np.stack(padded)
        file["actions"] = np.zeros((3, 2))
    return path / "a.hdf5"


# zarr


def zarr_of(path, **arrays):
    buffer(path, **arrays)
    return path


@case("zarr", r"data/action/.zarray: is no JSON")
def array_manifest_cut(path, exported):
    cut(zarr_of(path) / "data/action/.zarray")
    return path


@case("zarr", r"meta/episode_ends: episode 1 ends at row 3 and begins at 4")
def zarr_ends_backwards(path, exported):
    data = np.array([4, 3, 16], "<i8").tobytes()
    (zarr_of(path) / "meta/episode_ends/0").write_bytes(data)
    return path


@case("zarr", r"meta/episode_ends: the last episode ends at row 999, there are 16")
def zarr_ends_beyond(path, exported):
    data = np.array([4, 11, 999], "<i8").tobytes()
    (zarr_of(path) / "meta/episode_ends/0").write_bytes(data)
    return path


@case("zarr", r"meta/episode_ends: float64 \(3,\) are no ends of episodes")
def zarr_ends_in_fractions(path, exported):
    edit(zarr_of(path) / "meta/episode_ends/.zarray", dtype="<f8")
    return path


@case("zarr", r"meta/episode_ends: is not there; a replay buffer has one end for each episode")
def zarr_without_ends(path, exported):
    (zarr_of(path) / "meta/episode_ends/.zarray").unlink()
    return path


@case("zarr", r"data/state: rows: says 12, there are 16")
def arrays_of_several_lengths(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", shape=[12, 5])
    return path


@case("zarr", r"data/state/.zarray: .*filters.*pickle")
def zarr_pickles(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", dtype="|O", filters=[{"id": "pickle"}])
    return path


@case("zarr", r"data/state: dtype: object; store numbers.*runs code")
def zarr_objects(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", dtype="|O")
    return path


@case("zarr", r"data/state: shape \(16000000000000, 5\) of float32 would be")
def zarr_absurd_rows(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", shape=[16 * 10**12, 5])
    return path


@case("zarr", r"data/state, chunks: shape \(1000000000, 5\)")
def zarr_absurd_chunks(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", chunks=[10**9, 5])
    return path


@case("zarr", r"data/state/.zarray: shape \(16, 5\), chunks \(0, 5\)")
def chunks_of_nothing(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", chunks=[0, 5])
    return path


@case("zarr", r"data/img/0.0.0.0: cannot be unpacked")
def zarr_chunk_cut(path, exported):
    (zarr_of(path) / "data/img/0.0.0.0").write_bytes(b"\x1f\x8bnothing")
    return path


@case("zarr", r"data/img/1.0.0.0: this chunk is missing; copy it again")
def zarr_chunk_missing(path, exported):
    (zarr_of(path) / "data/img/1.0.0.0").unlink()
    return path


@case("zarr", r"data/state/0.0: unpacks to more, not to 120 bytes")
def zarr_deflate_bomb(path, exported):
    (zarr_of(path) / "data/state/0.0").write_bytes(zlib.compress(bytes(3_000_000)))
    return path


@case("zarr", r"data/state/0.0: unpacks to 4,000,000,000 bytes, not to 120 bytes")
def zarr_blosc_bomb(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", compressor={"id": "blosc"})
    header = struct.pack("<BBBBIII", 2, 1, 1, 4, 4_000_000_000, 4096, 60)
    (path / "data/state/0.0").write_bytes(header.ljust(60, b"\0"))
    return path


@case("zarr", r"data/state/0.0: unpacks to 3,000,000 bytes, not to 120 bytes")
def zarr_zstd_bomb(path, exported):
    import zstandard

    edit(zarr_of(path) / "data/state/.zarray", compressor={"id": "zstd"})
    (path / "data/state/0.0").write_bytes(zstandard.compress(bytes(3_000_000)))
    return path


@case("zarr", r"data/state/0.0: unpacks to more")
def zarr_lzma_bomb(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", compressor={"id": "lzma"})
    (path / "data/state/0.0").write_bytes(lzma.compress(bytes(3_000_000)))
    return path


@case("zarr", r"data/state/0.0: is packed by 'imagecodecs_jpegxl'; pack it by one of: blosc")
def zarr_unknown_codec(path, exported):
    edit(zarr_of(path) / "data/state/.zarray", compressor={"id": "imagecodecs_jpegxl"})
    return path


@case("zarr", r"'data/state/0.0' is a link that leads out of the folder")
def zarr_link_outside(path, exported):
    (path.parent / "elsewhere").write_bytes(bytes(100))
    (zarr_of(path) / "data/state/0.0").unlink()
    os.symlink(path.parent / "elsewhere", path / "data/state/0.0")
    return path


@case("zarr", r"row 5 is inf")
def zarr_action_without_end(path, exported):
    actions = np.zeros((16, 2), "f4")
    actions[9] = np.inf
    return zarr_of(path, action=actions)


@case("zarr", r"data/img: pixels from -5 to")
def zarr_pixels_below_zero(path, exported):
    pictures = np.full((16, 16, 16, 3), 200, "f4")
    pictures[8] = -5
    return zarr_of(path, img=pictures)


@case("zarr", r"data/a/zarr.json: .*shards are not read")
def zarr_shards(path, exported):
    zarr_of(path)
    (path / "data/a").mkdir()
    array = {"shape": [16], "codecs": [{"name": "sharding_indexed", "configuration": {}}]}
    (path / "data/a/zarr.json").write_text(json.dumps(array))
    return path


def zipped(path, name, data, **changes):
    zarr_of(path / "a.zarr")
    with zipfile.ZipFile(path / "a.zarr.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for part in (path / "a.zarr").rglob("*"):
            if part.is_file():
                archive.write(part, part.relative_to(path / "a.zarr"))
        archive.writestr(name, data)
    return path / "a.zarr.zip"


@case("zarr", r"a name in the archive: '../../evil' leads out of the folder")
def zip_that_climbs(path, exported):
    return zipped(path, "../../evil", b"x")


@case("zarr", r"the archive: data/x/0: 300,000,000 bytes.*zip bomb")
def zip_bomb(path, exported):
    made = zipped(path, "data/x/0", bytes(3000))
    data = made.read_bytes()  # the archive's own list of contents says how much comes out
    made.write_bytes(data.replace(struct.pack("<I", 3000), struct.pack("<I", 300_000_000)))
    return made


@case("zarr", r"a.zarr.zip: the archive: ")
def zip_cut(path, exported):
    made = zipped(path, "x", b"x")
    cut(made)
    return made


# RLDS


def tfds(path, episodes=None, **settings):
    found = episodes or [records.episode(n, 5)[0] for n in range(4)]
    return records.write(path, found, records.STEP, **settings)


def shard(path, n=0):
    return path / f"toy-train.tfrecord-{n:05d}-of-00002"


@case("rlds", r"00000-of-00002: record 1: .*the file ends after.*copy it again")
def records_cut(path, exported):
    cut(shard(tfds(path)), 0.8)
    return path


@case("rlds", r"00000-of-00002: record 2: its header is cut short")
def records_with_a_tail(path, exported):
    with shard(tfds(path)).open("ab") as file:
        file.write(b"abc")
    return path


@case("rlds", r"record 1: its checksum does not match")
def a_record_changed(path, exported):
    file = shard(tfds(path))
    flip(file, file.stat().st_size - 100)
    return path


@case("rlds", r"record 0: its length does not match its checksum")
def a_length_changed(path, exported):
    flip(shard(tfds(path)), 3)
    return path


@case("rlds", r"splits: shardLengths: says 4, there are 3")
def a_record_lost(path, exported):
    tfds(path)
    shard(path).write_bytes(records.framed(records.example(records.episode()[0])))
    return path


@case("rlds", r"shards of toy-train: says 2, there are 1")
def a_shard_lost(path, exported):
    shard(tfds(path), 1).unlink()
    return path


@case("rlds", r"record 0: is no tf.train.Example")
def no_example(path, exported):
    tfds(path)
    shard(path).write_bytes(records.framed(b"\x0a\x7fhello") * 2)
    return path


@case("rlds", r"features.json: steps: describes no steps")
def features_without_steps(path, exported):
    (tfds(path) / "features.json").write_text('{"featuresDict": {"features": {"image": {}}}}')
    return path


@case("rlds", r"record 0, steps/is_first: is not there; RLDS steps have is_first")
def steps_without_flags(path, exported):
    lacking = [{"steps/action": np.zeros(8, "f4")}] * 4
    return tfds(path, lacking)


@case("rlds", r"record 0, action: 8 values, 5 steps of \(2,\) would have 10")
def actions_of_too_few_numbers(path, exported):
    return tfds(path, [records.episode(length=5)[0] | {"steps/action": np.zeros(8, "f4")}] * 4)


@case("rlds", r"observation/image: holds no JPEG, PNG or TIFF picture")
def pictures_that_are_none(path, exported):
    wrong = {"steps/observation/image": [b"\x89PNG\r\n\x1a\nno"] * 5}
    return tfds(path, [records.episode(length=5)[0] | wrong] * 4)


@case("rlds", r"observation/image: shape \(8, 8\) an instant, the dataset says \(16, 20\)")
def pictures_of_another_size(path, exported):
    wrong = {"steps/observation/image": [records.png(np.zeros((8, 8, 3), np.uint8))] * 5}
    return tfds(path, [records.episode(length=5)[0] | wrong] * 4)


@case("rlds", r"observation/image: a picture of too many pixels: .*3600000000.*shrink it")
def a_picture_that_swells(path, exported):
    out = io.BytesIO()
    Image.new("1", (8, 8)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    wrong = {"steps/observation/image": [bytes(data)] * 5}
    return tfds(path, [records.episode(length=5)[0] | wrong] * 4)


@case("rlds", r"observation/packed: unpacks to more, not to 32 bytes")
def a_tensor_that_swells(path, exported):
    wrong = {"steps/observation/packed": [zlib.compress(bytes(3_000_000))] * 5}
    return tfds(path, [records.episode(length=5)[0] | wrong] * 4)


@case("rlds", r"column 'action': row 2 is nan")
def an_rlds_action_that_is_none(path, exported):
    actions = np.zeros((5, 2), "f4")
    actions[2] = np.nan
    return tfds(path, [records.episode(length=5)[0] | {"steps/action": actions}] * 4)


@case("rlds", r"array_record.*: file format: is not read; write it as tfrecord")
def another_container(path, exported):
    path.mkdir()
    (path / "toy-train.array_record-00000-of-00001").write_bytes(b"x")
    return path


def npz(path, **arrays):
    path.mkdir()
    rows = np.arange(4)
    told = {"x": np.zeros((4, 2)), "action": np.zeros((4, 1)), "is_first": rows == 0}
    np.savez_compressed(path / "0.npz", **told | arrays)
    return path


@case("rlds", r"0.npz: x: dtype object; store numbers, booleans or text.*runs code")
def npz_objects(path, exported):
    return npz(path, x=np.array([{}, 1, 2, 3], object))


@case("rlds", r"0.npz: x: 3 rows, the steps are 4")
def npz_of_several_lengths(path, exported):
    return npz(path, x=np.zeros((3, 2)))


@case("rlds", r"0.npz: x: shape \(999999999, 999\) of float64 would be")
def npz_absurd(path, exported):
    npz(path)
    out = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (999_999_999, 999)}
    np.lib.format.write_array_header_1_0(out, header)
    with zipfile.ZipFile(path / "0.npz", "w") as archive:
        archive.writestr("x.npy", out.getvalue() + bytes(64))
    return path


@case("rlds", r"0.npz: x: says shape \(100, 2\), and holds 192 bytes")
def npz_cut_inside(path, exported):
    npz(path)
    out = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (100, 2)}
    np.lib.format.write_array_header_1_0(out, header)
    with zipfile.ZipFile(path / "0.npz", "w") as archive:
        archive.writestr("x.npy", out.getvalue() + bytes(64))
    return path


def lines(path, *steps):
    path.mkdir()
    (path / "a.jsonl").write_text("\n".join(map(str, steps)))
    return path


STEP = '{"is_first": %s, "is_last": %s, "x": [1, 2], "action": [0.5]}'
FIRST, LAST = STEP % ("true", "false"), STEP % ("false", "true")


@case("rlds", r"a.jsonl: line 2: is no JSON")
def a_line_cut(path, exported):
    return lines(path, FIRST, LAST[:20])


@case("rlds", r"a.jsonl: is_last: 1 steps after the last is_last; the file was cut short")
def lines_cut(path, exported):
    return lines(path, FIRST, LAST, FIRST)


@case("rlds", r"a.jsonl: lines to 2: steps have .*every step has the same entries")
def lines_that_differ(path, exported):
    return lines(path, FIRST, '{"is_first": false, "is_last": true, "y": 1}')


# MCAP


def bag(path, write=bags.json_channels, **settings):
    path.mkdir()
    write(path / "a.mcap", **settings)
    return path


@case("mcap", r"a.mcap: (footer|summary): .*mcap recover")
def log_cut(path, exported):
    cut(bag(path) / "a.mcap")
    return path


@case("mcap", r"a.mcap: footer: its summary cannot be read")
def no_mcap(path, exported):
    path.mkdir()
    (path / "a.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(50))
    return path


@case("mcap", r"chunk 0: (its checksum does not match|cannot be unpacked)")
def log_changed(path, exported):
    flip(bag(path) / "a.mcap", 300)
    return path


def chunk_header(file):
    """Where the first chunk begins: after the magic and the header."""
    data = file.read_bytes()
    return 8 + 9 + struct.unpack_from("<Q", data, 9)[0]


@case("mcap", r"chunk 0: shape \(9000000000000,\) of uint8 would be")
def a_chunk_of_terabytes(path, exported):
    file = bag(path) / "a.mcap"
    data, at = bytearray(file.read_bytes()), chunk_header(file)
    data[at + 25 : at + 33] = struct.pack("<Q", 9 * 10**12)
    file.write_bytes(data)
    return path


@case("mcap", r"chunk 0: unpacks to")
def a_chunk_of_another_size(path, exported):
    file = bag(path) / "a.mcap"
    data, at = bytearray(file.read_bytes()), chunk_header(file)
    data[at + 25 : at + 33] = struct.pack("<Q", 50)
    file.write_bytes(data)
    return path


def ros(path, *messages, type="my_msgs/msg/Thing", definition="float64[] data"):
    """A topic /x of one type; messages are packed already."""
    from mcap.writer import Writer

    path.mkdir()
    writer = Writer(str(path / "a.mcap"))
    writer.start()
    schema = writer.register_schema(type, "ros2msg", definition.encode())
    channel = writer.register_channel("/x", "cdr", schema)
    for n, message in enumerate(messages):
        writer.add_message(channel, bags.BEGIN + n * bags.SECOND, message, 0)
    writer.finish()
    return path


def numbers(*values, count=None):
    """A sequence of float64 in CDR."""
    length = struct.pack("<I", len(values) if count is None else count)
    return b"\0\1\0\0" + length + bytes(4) + np.array(values, "<f8").tobytes()


@case("mcap", r"/x: a message of 24 bytes is shorter than its type")
def a_message_cut(path, exported):
    return ros(path, numbers(1, 2), numbers(1, 2, count=10**9)[:24])


@case("mcap", r"/x.data: shape \(3,\) an instant|/x.data: 3 numbers in some messages")
def lists_of_several_lengths(path, exported):
    return ros(path, numbers(1, 2), numbers(1, 2, 3), numbers(1, 2))


@case("mcap", r"/x: its schema does not define other/Thing")
def a_type_without_definition(path, exported):
    return ros(path, numbers(1), definition="other/Thing inner")


@case("mcap", r"/x: is packed as 00030000, not as plain CDR")
def another_packing(path, exported):
    return ros(path, b"\0\3\0\0" + bytes(16))


@case("mcap", r"/x.encoding: 'bayer_rggb8'; known are rgb8")
def unknown_pixels(path, exported):
    definition = bags.IMAGE
    text = b"bayer_rggb8\0"
    body = struct.pack("<iII", 0, 0, 1) + b"\0" + bytes(3) + struct.pack("<III", 2, 2, len(text))
    message = b"\0\1\0\0" + body + text + bytes(12) + struct.pack("<II", 2, 4) + bytes(4)
    return ros(path, message, type="sensor_msgs/msg/Image", definition=definition)


@case("mcap", r"/state: is no JSON")
def json_that_is_none(path, exported):
    from mcap.writer import Writer

    path.mkdir()
    writer = Writer(str(path / "a.mcap"))
    writer.start()
    channel = writer.register_channel("/state", "json", 0)
    writer.add_message(channel, bags.BEGIN, b'{"x": ', 0)
    writer.finish()
    return path


@case("mcap", r"topics: none can be read: /x its messages are packed as 'flatbuffer'")
def nothing_that_is_known(path, exported):
    from mcap.writer import Writer

    path.mkdir()
    writer = Writer(str(path / "a.mcap"))
    writer.start()
    channel = writer.register_channel("/x", "flatbuffer", 0)
    writer.add_message(channel, bags.BEGIN, b"abc", 0)
    writer.finish()
    return path


def test_there_are_as_many_as_promised():
    """The decorator collects them; a name used twice would hide one."""
    assert len(CASES) >= 70 and len({case.id for case in CASES}) == len(CASES)


def test_writing_arrays_by_hand_is_right(tmp_path):
    """What is broken above was whole before."""
    write_array(tmp_path / "a", np.arange(6.0), (4,))
    assert (tmp_path / "a" / ".zarray").is_file()
