"""Memory: the simulator remembers, forgetful copies do not, and the last row is no memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foreworld.evaluation import memory
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.corruptions import ColourBlind, CopyLast, Forgetful, Hoarder
from foreworld.evaluation.memory import METRICS, STAGED, Judge
from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.evaluation.subject import Subject
from foreworld.streams import GymStream
from foreworld.streams.registry import find_spec, make_env
from foreworld.worlds import bounce_scenes, gallery_scenes
from foreworld.worlds.bounce import BounceWorld
from foreworld.worlds.bounce_state import STATE
from foreworld.worlds.gallery import GalleryWorld

WORLDS = {"Bounce": BounceWorld(image_size=32), "Gallery": GalleryWorld(image_size=32)}
SCENES = [
    *(("Bounce", kind) for kind in bounce_scenes.SCENES),
    *(("Gallery", kind) for kind in gallery_scenes.SCENES),
]
STAGES = {"Bounce": bounce_scenes, "Gallery": gallery_scenes}


def sit(name: str, model: type[SimulatorModel] = SimulatorModel) -> Subject:
    env_id, options = f"foreworld/{name}-v0", {"image_size": 32}
    specs = GymStream(env_id, env_kwargs=options).specs

    def branching() -> BranchingWorld:
        return BranchingWorld(make_env(find_spec(env_id), options), image_size=None)

    return Subject(model(WORLDS[name], specs), [], branching=branching)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(memory, "PAIRS", 4)


def by_name(subject: Subject) -> dict:
    return {r.metric.name.removeprefix("memory."): r for r in memory.read(subject)}


@pytest.mark.parametrize("name", WORLDS)
def test_the_simulator_remembers_and_the_last_row_alone_is_chance(name):
    readings = by_name(sit(name))
    staged = {m.name.removeprefix("memory.") for m in STAGED[type(WORLDS[name])]}
    for metric, reading in readings.items():
        assert (reading.value is not None) == (metric in staged), reading
        if reading.value is None:
            assert reading.reason and "staged" in reading.reason
            continue
        assert reading.value.value == pytest.approx(1.0, abs=1e-6) and not reading.alarm, reading
        if "without_memory" in reading.details:
            blind = reading.details["without_memory"]["value"]
            assert blind <= reading.metric.blind + 0.1, (metric, blind)
    assert "without_memory" not in readings["removal"].details
    assert {m.name for m in METRICS} == {r.metric.name for r in readings.values()}


@pytest.mark.parametrize(
    ("model", "caught", "spared"),
    [
        (CopyLast, {"moving", "count", "identity", "surprise"}, {"removal"}),
        (Forgetful, {"moving", "count", "identity", "surprise"}, {"removal"}),
        (Hoarder, {"removal", "surprise"}, {"moving", "count", "identity"}),
        (ColourBlind, {"identity", "surprise"}, {"count"}),
    ],
)
def test_each_fault_is_caught_where_it_is(model, caught, spared):
    readings = by_name(sit("Bounce", model))
    assert caught <= {name for name, r in readings.items() if r.alarm}
    assert not any(readings[name].alarm for name in spared)


def test_the_same_readings_twice():
    one, two = ([r.to_json() for r in memory.read(sit("Bounce"))] for _ in range(2))
    assert one == two


@pytest.mark.parametrize(("name", "kind"), SCENES)
def test_scenes_hide_and_show_again(name, kind):
    world = WORLDS[name]
    scenes = STAGES[name].SCENES[kind](world, np.random.default_rng(0), 4)
    look = lambda s: world.look(s, ["image"])["image"].astype(int)  # noqa: E731
    last, truth, other = (look(s) for s in (scenes.seen[:, -1], scenes.truth, scenes.other))
    assert (np.abs(truth - other).max((1, 2, 3)) > 40).all(), "there is something to be told"
    steps = scenes.imagined.shape[1]
    assert (scenes.when >= 1).all() and (scenes.when <= steps).all()
    if kind == "moving":
        return
    for twin in np.unique(scenes.twins):
        rows = np.flatnonzero(scenes.twins == twin)
        if kind != "removal":
            same = [np.array_equal(last[rows[0]], last[r]) for r in rows]
            assert all(same), "the last row seen does not tell the twins apart"


def test_screens_are_like_the_floor_in_half_of_the_scenes_and_durations_vary():
    scenes = bounce_scenes.SCENES["permanence"](WORLDS["Bounce"], np.random.default_rng(0), 12)
    like = STATE.read(scenes.seen[:, 0], "screen_rgb") == STATE.read(scenes.seen[:, 0], "floor_rgb")
    assert like.all(1).mean() == 0.5
    assert len(set(scenes.when.tolist())) >= 5


def test_what_cannot_be_staged_says_why():
    subject = sit("Bounce")
    for gone in (replace(subject, branching=None),):
        assert all("staged in bounce and gallery" in (r.reason or "") for r in memory.read(gone))
    subject.model.heads = ("reward", "continue")
    assert all("neither pictures nor facts" in (r.reason or "") for r in memory.read(subject))


def test_a_test_that_needs_no_memory_is_void():
    metric = memory.IDENTITY
    world, model = WORLDS["Bounce"], sit("Bounce").model
    judge = Judge(model, world, "image")
    scenes = bounce_scenes.SCENES["identity"](world, np.random.default_rng(0), 4)
    known = {"identity": judge(scenes)}
    reading = memory._reading(metric, ("identity",), known, known, 0)
    assert reading.value is None and "void" in (reading.reason or "")
