"""Frames of films: exactly those asked for, in whatever order the file keeps them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from foreworld.data.encoder import FilmWriter, psnr
from foreworld.data.frames import Stretch, decode, look
from foreworld.data.recording import Broken


def scene(count, height=32, width=48):
    """Smooth pictures that differ from frame to frame: a lossy film tells which is which."""
    y, x = np.mgrid[:height, :width]
    rows = [np.stack([x * 2 + 2 * n, y * 3, np.full_like(x, 5 * n)], -1) for n in range(count)]
    return np.stack(rows).astype(np.uint8)


def film_of(path, frames, fps=10, **settings):
    with FilmWriter(path, fps, *frames.shape[1:], **settings) as film:
        film.add(frames)
    return look(path)


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """A film with few key frames and frames that are stored before those they are shown after."""
    path = tmp_path_factory.mktemp("film") / "sparse.mp4"
    frames = scene(50)
    with av.open(str(path), "w") as container:
        options = {"bf": "3", "g": "16", "qp": "0", "preset": "medium", "sc_threshold": "0"}
        stream = container.add_stream("libx264rgb", rate=10, options=options)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "rgb24"
        for n, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return look(path), frames


@pytest.mark.parametrize(
    "wanted", [[0], [49], [17], [3, 40], [5, 5, 6], [0, 15, 16, 17, 31, 32, 48], list(range(50))]
)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_frames_asked_for_and_no_others(sparse, wanted, threads):
    film, frames = sparse
    assert len(film.keys) == 4
    assert np.array_equal(decode(film, np.array(wanted), threads=threads), frames[wanted])


def test_frames_are_found_by_their_time(sparse):
    film, _ = sparse
    assert film.fps == pytest.approx(10)
    assert film.at(np.array([0.0, 1.71, 4.9]), 0.02).tolist() == [0, 17, 49]
    with pytest.raises(Broken, match=r"no frame at 1\.7500 s"):
        film.at(np.array([0.1, 1.75]), 0.02)
    with pytest.raises(Broken, match="50 frames over 4.9000 s"):
        film.at(np.array([5.0]), 0.02)


def test_a_column_is_a_stretch_of_a_film_that_is_opened_when_it_is_read(sparse):
    film, frames = sparse
    opened = []
    stamps = np.arange(10) / 10
    column = Stretch(stamps, lambda: opened.append(film) or film, begin=2.0)
    assert not opened
    assert np.array_equal(column.read([0, 9]), frames[[20, 29]])


def test_odd_sizes_greys_and_several_episodes_come_back_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        frames = rng.integers(0, 256, (9, 33, 31, channels), dtype=np.uint8)
        path = tmp_path / f"{channels}.mp4"
        with FilmWriter(path, 12.5, 33, 31, channels) as film:
            begins = [film.add(frames[:4]), film.add(frames[4:])]
        assert begins == [0.0, 4 / 12.5]
        film = look(path)
        assert {0, 4} <= set(film.keys.tolist())  # an episode is decoded without the one before
        layout = {1: "gray", 3: "rgb24"}[channels]
        assert np.array_equal(decode(film, np.arange(9), layout), frames)


@pytest.mark.parametrize(("codec", "likeness"), [("h264", 30), ("av1", 25)])
def test_lossy_codecs_are_small_and_alike(tmp_path, codec, likeness):
    frames = scene(12, 64, 64)
    film = film_of(tmp_path / "a.mp4", frames, codec=codec)
    shown = decode(film, np.arange(12))
    assert psnr(frames, shown) > likeness
    nearest = [int(np.argmax([psnr(one, back) for one in frames])) for back in shown]
    assert nearest == list(range(12))


def test_better_quality_is_closer(tmp_path):
    frames, told = scene(6, 64, 64), []
    for quality in (10, 40):
        film = film_of(tmp_path / f"{quality}.mp4", frames, codec="h264", quality=quality)
        told.append(psnr(frames, decode(film, np.arange(6))))
    assert told[0] > told[1] + 3


def test_depth_of_12_bits_is_exact(tmp_path):
    codes = np.random.default_rng(0).integers(0, 4096, (5, 32, 32, 1)).astype(np.uint16)
    film = film_of(tmp_path / "d.mp4", codes, codec="depth")
    assert np.array_equal(decode(film, np.arange(5), "gray12le"), codes)


def test_what_no_film_can_hold_is_said(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'h264'"):
        FilmWriter(tmp_path / "a.mp4", 10, 32, 32, codec="h265")
    with pytest.raises(ValueError, match="needs even sides; codec='lossless'"):
        FilmWriter(tmp_path / "a.mp4", 10, 33, 32, codec="h264")
    with pytest.raises(ValueError, match="frames a second, above 0"):
        FilmWriter(tmp_path / "a.mp4", 0, 32, 32)


def truncated(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.98])
def test_a_film_that_is_cut_short_is_refused(tmp_path, share):
    film_of(tmp_path / "a.mp4", scene(40))
    truncated(tmp_path / "a.mp4", share)
    with pytest.raises(Broken, match=r"a\.mp4: video: .*; copy it again"):
        look(tmp_path / "a.mp4")


def test_so_is_one_whose_table_comes_first(tmp_path):
    """Its header is whole and counts all frames: only what follows shows that some are lost."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for n, picture in enumerate(np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3))):
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert len(look(path)) == 40
    truncated(path, 0.5)
    with pytest.raises(Broken, match="of 40 frames are there: the file is cut short"):
        look(path)


@pytest.mark.parametrize("codec", ["lossless", "h264", "av1"])
def test_damage_in_the_middle_is_not_painted_over(tmp_path, codec):
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    film = film_of(tmp_path / "a.mp4", noise, codec=codec)
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(Broken):
        decode(film, np.arange(40))


def test_a_playlist_in_disguise_is_not_followed(tmp_path):
    secret = film_of(tmp_path / "secret.mp4", scene(3)).path
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile {secret}\n"):
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(Broken, match="cannot be read"):
            look(tmp_path / "a.mp4")


def test_sound_without_pictures_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(Broken, match="holds no video stream"):
        look(tmp_path / "a.mp4")
