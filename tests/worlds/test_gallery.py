"""The room seen from inside: walking, pushing, opening, rolling, and what the rays meet."""

from __future__ import annotations

import numpy as np
import pytest

from foreworld.streams import GymStream
from foreworld.vocab import observation_keys, target_keys
from foreworld.worlds.gallery import NAMES, NEAR, RAYS, GalleryWorld
from foreworld.worlds.gallery_physics import STRIDE
from foreworld.worlds.gallery_render import WALL_ID
from foreworld.worlds.gallery_state import BALL, BODY, BOX, HALF, PILLAR, STATE, THINGS, B

WORLD = GalleryWorld(image_size=32, dense=("depth", "normals", "segmentation"))
RETINA = GalleryWorld(view="retina", dense=("depth",))
QUIET = np.zeros((1, 2 * B))


def of(state: np.ndarray, name: str) -> np.ndarray:
    return STATE.read(state, name)


def empty(**parts) -> np.ndarray:
    """You in the middle, looking north, and nothing else but what is given."""
    state = WORLD.begin(np.random.default_rng(0))[None]
    nothing = dict.fromkeys(("pillars_there", "boxes_there", "balls_there", "screen"), 0.0)
    STATE.write(state, **nothing, place=(0, 0), heading=(0, 1), doors=(0, 0), open=0)
    STATE.write(state, **parts)
    return state


def run(state: np.ndarray, steps: int, forward: float = 0.0, turn: float = 0.0) -> np.ndarray:
    for _ in range(steps):
        state = WORLD.advance(state, np.array([[forward, turn]]), QUIET)
    return state


def test_eighteen_turns_are_a_circle_and_steps_are_steps():
    state = empty()
    assert np.allclose(of(run(state, 18, turn=1.0), "heading"), (0, 1), atol=1e-12)
    assert np.allclose(of(run(state, 4, turn=-1.0), "heading")[0, 0], np.sin(np.radians(80)))
    assert np.allclose(of(run(state, 5, forward=1.0), "place"), (0, 5 * STRIDE))
    there_and_back = run(run(state, 5, forward=1.0), 5, forward=-1.0)
    assert np.allclose(of(there_and_back, "place"), 0)
    assert np.allclose(of(run(state, 40, forward=1.0), "place"), (0, HALF - BODY)), "a wall"


def test_boxes_are_pushed_until_something_is_in_the_way():
    state = empty(boxes_there=(1, 0), boxes=[(0, 1.0), (0, 0)])
    pushed = run(state, 6, forward=1.0)
    assert np.allclose(of(pushed, "boxes")[0, 0], (0, 6 * STRIDE + BODY + BOX))
    assert np.allclose(of(pushed, "place"), (0, 6 * STRIDE))
    stuck = run(pushed, 20, forward=1.0)
    top = HALF - 2 * BOX - BODY
    assert top - STRIDE <= of(stuck, "place")[0, 1] <= top + 1e-9
    STATE.write(state, pillars_there=(1, 0, 0), pillars=(0, 1.75))
    blocked = run(state, 20, forward=1.0)
    assert of(blocked, "boxes")[0, 0, 1] <= 1.75 - BOX - PILLAR + 1e-9
    assert np.allclose(of(run(empty(), 10, forward=1.0), "boxes"), of(empty(), "boxes"))


def test_pillars_and_the_screen_stop_you():
    state = empty(pillars_there=(1, 0, 0), pillars=[(0, 1.0), (0, 0), (0, 0)])
    assert of(run(state, 30, forward=1.0), "place")[0, 1] <= 1.0 - BODY - PILLAR + 1e-9
    state = empty(screen=(0, 1.0, 0.8, 0.06))
    assert of(run(state, 30, forward=1.0), "place")[0, 1] <= 0.94 - BODY + 1e-9


def test_a_door_opens_when_walked_into_and_a_ball_leaves_through_it():
    state = empty(balls_there=(1, 0), balls=(0, 1.0), speed=[(0, 0.1), (0, 0)])
    kept = run(state, 60)
    assert of(kept, "balls_there")[0, 0] == 1 and of(kept, "balls")[0, 0, 1] < HALF
    STATE.write(state, open=(1, 0))
    gone = run(state, 60)
    assert of(gone, "balls_there")[0, 0] == 0
    walked = run(empty(), 30, forward=1.0)
    assert of(walked, "open").tolist() == [[1, 0]]
    aside = run(empty(place=(1.0, 0)), 30, forward=1.0)
    assert of(aside, "open").tolist() == [[0, 0]]


def test_balls_keep_their_speed_and_stay_in_the_room():
    rng = np.random.default_rng(0)
    state = np.stack([WORLD.begin(np.random.default_rng(s), {"balls": 2}) for s in range(32)])
    fast = np.sqrt((of(state, "speed") ** 2).sum(-1))
    for _ in range(150):
        state = WORLD.advance(state, rng.uniform(-1, 1, (32, 2)), np.zeros((32, 2 * B)))
        assert (np.abs(of(state, "balls")) < HALF).all()
    assert np.allclose(np.sqrt((of(state, "speed") ** 2).sum(-1)), fast)
    assert (of(state, "clock") == 150).all()


def test_what_the_rays_meet():
    state = empty(pillars_there=(1, 0, 0), pillars=[(0, 2.0), (0, 0), (0, 0)])
    seen = WORLD.look(state)
    depth = seen["depth"][0, 16, :, 0] * 8.5 / 255
    assert depth[16] == pytest.approx(2.0 - PILLAR, abs=0.06)
    assert depth[0] == pytest.approx(depth[31], abs=0.06)
    ids = seen["segmentation"][0]
    assert ids[16, 16] == 4 + THINGS.index("gold") and ids[0, 0] == 1 and ids[31, 31] == 0
    assert WALL_ID in ids
    red, green, blue = seen["image"][0, 16, 16].astype(int)
    assert red > green > 2 * blue, "gold"
    east, north, up = (seen["normals"][0, 16, 16].astype(float) - 128) / 127
    assert north < -0.9 and abs(up) < 0.05
    assert ((seen["normals"][0, 31, 0].astype(float) - 128) / 127).tolist() == [0, 0, 1]
    assert seen["visible"][0, THINGS.index("gold")] > 0.1 and seen["visible"].sum() < 0.3
    retina, flat = (RETINA.look(state, [k])[k][0] for k in ("retina", "depth"))
    assert retina.shape == (RAYS, 3) and flat[16] == pytest.approx(2.0 - PILLAR, abs=0.02)
    assert retina[16, 0] > retina[16, 2] * 2


def test_what_is_hidden_is_not_seen_and_comes_back():
    state = empty(screen=(0, 1.0, 0.5, 0.06), balls_there=(1, 0), balls=(0, 2.0), speed=0.0)
    bare = empty(screen=(0, 1.0, 0.5, 0.06))
    look = lambda s: WORLD.look(s, ["image", "visible"])  # noqa: E731
    assert np.array_equal(look(state)["image"], look(bare)["image"])
    assert look(state)["visible"][0, THINGS.index("blue")] == 0
    STATE.write(state, speed=[(0.1, 0), (0, 0)])
    later = look(run(state, 16))
    assert later["visible"][0, THINGS.index("blue")] > 0
    away = run(empty(balls_there=(1, 0), balls=(0, 2.0), speed=0.0), 9, turn=1.0)
    assert look(away)["visible"][0, THINGS.index("blue")] == 0, "behind you"


def test_reward_facts_and_success():
    state = empty(pillars_there=(1, 0, 0), pillars=[(0, 2.0), (0, 0), (0, 0)])
    assert WORLD.reward(state)[0] == 0
    after = run(state, 1, forward=1.0)
    assert WORLD.reward(after)[0] == pytest.approx(-(2.0 - STRIDE) / HALF)
    assert not WORLD.terminal(after)[0] and WORLD.look(after, ["success"])["success"][0] == 0
    near = run(state, 30, forward=1.0)
    assert of(near, "place")[0, 1] > 2.0 - NEAR
    assert WORLD.look(near, ["success"])["success"][0] == 1
    facts = dict(zip(NAMES, WORLD.look(near, ["facts"])["facts"][0], strict=True))
    assert facts["you.y"] == pytest.approx(of(near, "place")[0, 1] / HALF)
    assert facts["gold.y"] == pytest.approx(2 / HALF) and facts["gold.there"] == 1
    assert facts["you.sin"] == 1 and facts["red.there"] == 0 and facts["blue.there"] == 0
    assert BALL < HALF


def test_things_begin_apart_and_more_of_them_are_held_out():
    for split, most in (("train", 2), ("test", 3)):
        states = np.stack([WORLD.begin(np.random.default_rng(s), split) for s in range(60)])
        assert of(states, "pillars_there").sum(1).max() == most
        still = run_all(states)
        assert np.array_equal(of(still, "place"), of(states, "place")), "nobody stands in anything"
        assert np.array_equal(of(still, "boxes"), of(states, "boxes"))
    with pytest.raises(ValueError, match="boxes=5; valid: 0 to 2"):
        WORLD.begin(np.random.default_rng(0), {"boxes": 5})


def run_all(states: np.ndarray) -> np.ndarray:
    return WORLD.advance(states, np.zeros((len(states), 2)), np.zeros((len(states), 2 * B)))


def test_views_and_dense_keys_in_a_stream():
    for view, key, shape in (("image", "image", (32, 32, 3)), ("retina", "retina", (RAYS, 3))):
        dense = ["depth", "segmentation"] if view == "image" else ["depth"]
        settings = {"view": view, "image_size": 32, "dense": dense}
        stream = GymStream("foreworld/Gallery-v0", 2, env_kwargs=settings)
        assert observation_keys(stream.specs) == [key] and stream.specs[key].shape == shape
        assert "depth" in target_keys(stream.specs)
        assert "segmentation" not in target_keys(stream.specs)
        assert stream.reset()[key].shape == (2, *shape)
        stream.close()
    for settings, said in (
        ({"view": "retna"}, "did you mean 'retina'"),
        ({"dense": ["deph"]}, "did you mean 'depth'"),
        ({"view": "retina", "dense": ["normals"]}, "Valid: depth"),
        ({"image_size": 33}, "even"),
    ):
        with pytest.raises(ValueError, match=said):
            GalleryWorld(**settings)
