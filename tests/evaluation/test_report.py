"""Films and the report: files that open, stand alone, and say what the numbers say."""

import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from foreworld.evaluation import (
    BranchingWorld,
    branch,
    eventful_windows,
    film_futures,
    film_pushes,
    measure_counterfactual,
    measure_imagination,
    verdict,
    wilson,
    write_report,
)
from foreworld.evaluation.control import Score
from foreworld.evaluation.film import gif, moving, pixels, png, strip
from foreworld.evaluation.intervals import Interval


def score(success: int, n: int = 50) -> Score:
    length = Interval(10.0, 9.0, 11.0, n)
    return Score(wilson(success, n), None, length, None, n + 2, 2, 1.5)


@pytest.fixture(scope="module")
def pushed(dot_env, dot_model):
    world = BranchingWorld(dot_env())
    still = type(
        "Still", (), {"init": lambda s, n: None, "act": lambda s, c, x: (c, np.zeros((1, 2)))}
    )
    branches = branch(world, still(), starts=4, context=2, horizon=3, wait=2)
    return measure_counterfactual(dot_model(), branches)


def test_the_report_stands_alone(tmp_path, episodes, dot_model, pushed):
    model = dot_model()
    skill = measure_imagination(model, episodes, context=4, horizon=6)
    films = film_futures(model, eventful_windows(episodes, "image", 4, 6, count=2), "image")
    scores = {"reach <b>right</b>": {"cem": score(48), "random": score(3), "noop": score(0)}}
    lines = write_report(
        tmp_path / "report.html",
        "A report",
        imagination=skill,
        films=films,
        counterfactual=pushed,
        pushes=film_pushes(pushed, "image"),
        control=scores,
        metrics=[{"step": s, "loss/image": 1 / s, "loss/kl": -1.0} for s in (1, 2, 3)],
        protocol={"context": 4},
    )
    html = (tmp_path / "report.html").read_text()
    page = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.search(r"(src|href)=[\"'](?!data:)", page), "something is loaded from elsewhere"
    assert html.count("Plotly.newPlot") >= 3 and html.count("data:image/gif") == 3
    assert "&lt;b&gt;right&lt;/b&gt;" in page and "<b>right</b>" not in page
    assert "0.96 [0.87, 0.99]" in page and "torch" in page
    assert all(line.good for line in lines)


def test_the_verdict_says_no_when_it_is_no(episodes, dot_model):
    copying = measure_imagination(dot_model(gain=0.0), episodes, context=4, horizon=6)
    lines = verdict(copying, None, {"reach": {"cem": score(3), "random": score(3)}})
    assert [line.good for line in lines] == [False, False, False, False]
    assert "0 of 6 steps" in lines[0].text and "hardly listens" in lines[1].text
    assert "average picture" in lines[2].text
    assert "cem succeeds 6%" in lines[3].text and "2 solved at the start left out" in lines[3].text
    nothing = Score(wilson(0, 0), None, Interval(math.nan, math.nan, math.nan, 0), None, 3, 3, 0.1)
    assert verdict(control={"reach": {"cem": nothing}})[0].good is None


def test_films_show_the_windows_in_which_most_happens(episodes, dot_model):
    windows = eventful_windows(episodes, "image", context=4, horizon=6, count=3)
    assert len(windows.batch["is_first"]) == 3
    moved = (windows.future("position") - windows.last_seen("position")).norm(dim=-1)
    assert moved.max(1).values.min() > 0.2
    film = film_futures(dot_model(), windows, "image")[0]
    moving_picture = Image.open(io.BytesIO(film.moving))
    assert moving_picture.n_frames == 4 + 6


def test_a_strip_holds_the_frames_where_it_says():
    red = np.zeros((3, 8, 8, 3), np.uint8)
    red[1, ..., 0] = 200
    picture = strip({"true": red, "imagined": np.zeros((3, 8, 8, 1))}, ["+1", "+2", "+3"])
    seen = np.asarray(Image.open(io.BytesIO(png(picture))))
    rows, columns = np.where((seen == [200, 0, 0]).all(-1))
    size = np.ptp(columns) + 1
    assert size % 8 == 0 and np.ptp(rows) + 1 == size and len(rows) == size**2
    with pytest.raises(ValueError, match="as many"):
        strip({"true": red}, ["+1"])


def test_gifs_keep_every_frame_and_its_colours():
    film = (np.arange(5)[:, None, None, None] * 50 + np.zeros((5, 8, 8, 3))).astype(np.uint8)
    picture = Image.open(io.BytesIO(gif(moving({"a": film}, frame_px=8))))
    assert picture.n_frames == 5
    for t in range(5):
        picture.seek(t)
        frame = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert (np.abs(frame.astype(int) - 50 * t).max(-1) <= 4).sum() >= 64


def test_pixels_of_any_kind():
    assert pixels(np.full((2, 4, 4, 1), 0.5)).tolist() == np.full((2, 4, 4, 3), 128).tolist()
    assert pixels(np.array([[[[2.0, -1.0, 0.0]]]])).tolist() == [[[[255, 0, 0]]]]
