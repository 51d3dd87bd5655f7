"""A session as it is played through a socket: stepped, taken back, compared, kept, recorded."""

import time

import numpy as np

from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.studio.packing import Flag

RIGHT, LEFT = ["arrowright"], ["arrowleft"]


def pixels(frames):
    return [(f.header.frame, f.picture, f.extras["heads"]) for f in frames]


def test_welcome_says_what_there_is(played):
    said = played.welcome
    assert said["env"] == "foreworld/Rooms-v0" and said["paused"] and not said["resumed"]
    assert said["images"] == {"image": {"height": 16, "width": 16}}
    assert said["truth"]["attached"] and said["truth"]["image"] == {"height": 16, "width": 16}
    assert {"human", "random", "planner"} <= set(said["policies"])
    assert said["trust"] is None and said["seed"] == 5
    assert said["tree"]["branches"][0]["head"] == 0
    frame = played.frame()
    assert len(frame.picture) == 4 + 16 * 16 * 3 == len(frame.truth)
    assert frame.header.flags & Flag.TRUTH and frame.header.flags & Flag.PAUSED
    assert frame.header.surprise == 0 and frame.extras["truth"]["ended"] is False


def test_keys_are_latched_and_frames_say_what_they_obeyed(played):
    frames = played.step(2)
    assert [f.extras["action"] for f in frames] == [[0, 0], [0, 0]]
    assert frames[0].header.applied_seq == 0
    ack = played.ask("keys", down=RIGHT)
    frames = played.step(3)
    assert [f.extras["action"] for f in frames] == [[1, 0]] * 3
    assert {f.header.applied_seq for f in frames} == {ack["seq"]}
    assert [f.header.frame for f in frames] == [3, 4, 5]
    played.ask("act", a=[0.5, -4.0])
    assert played.step()[0].extras["action"] == [0.5, -1]
    played.ask("keys", down=[])
    assert played.step()[0].extras["action"] == [0, 0]
    assert played.ask("act", a=[1, 2, 3])["code"] == "invalid"


def test_time_goes_on_by_itself(played):
    played.frame()
    played.frames.clear()
    played.ctl("play")
    while len(played.frames) < 12:
        played.listen()
    played.ctl("pause")
    numbers = [f.header.frame for f in played.frames]
    assert numbers == sorted(numbers) and not played.frames[2].header.flags & Flag.PAUSED
    times = [f.header.time for f in played.frames]
    assert min(np.diff(times)) > 0
    assert played.ctl("step")["t"] == "ack"
    assert [m for m in played.heard if m["t"] == "state"][-1]["paused"] is True


def test_a_branch_with_the_same_keys_is_the_same_future(played):
    played.step(5)
    played.ask("keys", down=RIGHT)
    first = played.step(10)
    fork = played.ask("branch", **{"from": 5, "label": "again"})
    assert fork["branch"] == 1
    assert pixels(played.step(10)) == pixels(first)
    played.ask("branch", **{"from": 5, "label": "left"})
    played.ask("keys", down=LEFT)
    assert pixels(played.step(10)) != pixels(first)
    tree = [m for m in played.heard if m["t"] == "tree"][-1]
    assert [b["label"] for b in tree["branches"]] == ["start", "again", "left"]
    assert [b["fork"] for b in tree["branches"]] == [None, 5, 5] and tree["branch"] == 2
    kept = played.ask("branch", **{"from": 3, "go": False})
    assert kept["branch"] == 3 and played.step()[0].header.branch == 2
    assert played.ask("branch", **{"from": 999})["code"] == "invalid"


def test_rewinding_brings_back_dream_and_truth(played):
    played.ask("keys", down=RIGHT)
    before = played.step(8)
    played.frames.clear()
    assert played.ctl("rewind", 3)["node"] == 5
    shown = played.frame()
    assert shown.picture == before[4].picture and shown.truth == before[4].truth
    again = played.step(3)
    assert [(f.picture, f.truth) for f in again] == [(f.picture, f.truth) for f in before[5:]]
    assert again[-1].header.branch == 1, "it grew a branch"
    played.ctl("goto", 0)
    assert played.ctl("rewind", {"node": 2})["node"] == 2


def test_the_dream_wakes_up(played):
    played.ask("keys", down=RIGHT)
    dreamt = played.step(6)[-1]
    assert dreamt.header.surprise > 0 and dreamt.extras["since_observed"] == 6
    played.frames.clear()
    played.ctl("resync")
    awake = played.frame()
    assert awake.header.surprise == 0 and awake.extras["since_observed"] == 0
    assert awake.header.flags & Flag.OBSERVED and awake.header.frame == 6
    assert played.step()[0].header.frame == 7
    played.ctl("truth", False)
    played.frames.clear()
    assert played.ctl("resync")["code"] == "invalid"
    last = played.step()[0]
    assert not last.truth and np.isnan(last.header.surprise) and last.extras["truth"] is None
    played.frames.clear()
    played.ctl("truth", True)
    assert played.frame().truth


def test_branches_are_compared(played):
    played.ask("keys", down=RIGHT)
    played.step(5)
    played.ask("branch", **{"from": 0})
    played.ask("keys", down=LEFT)
    played.step(5)
    said = played.ask("compare", branches=[0, 1], h=10, n=4)["comparison"]
    assert said["fork"] == 0 and len(said["divergence"]) == 10 and max(said["divergence"]) > 0
    reward = said["heads"]["reward"]
    gap = reward["difference"]
    assert gap["low"] <= gap["mean"] <= gap["high"]
    assert len(reward["curve"]) == 10 and len(reward["totals"]) == 2
    assert played.ask("compare", branches=[0, 7])["code"] == "invalid"


def test_a_snapshot_is_a_place_to_begin(played, serve, connect):
    played.ask("keys", down=RIGHT)
    played.step(4)
    name = played.ask("snapshot")["hash"]
    first = played.step(6)
    assert played.ask("restore", hash=name)["branch"] == 1
    again = played.step(6)
    assert pixels(again) == pixels(first) and not again[0].truth
    assert played.ask("restore", hash="0" * 32)["code"] == "not_found"
    assert played.ctl("goto", 0)["t"] == "ack"


def test_others_act_too_and_planners_show_what_they_weigh(played):
    played.ctl("policy", "random")
    actions = [f.extras["action"] for f in played.step(4)]
    assert len({tuple(a) for a in actions}) == 4
    assert played.frames[-1].header.flags & Flag.POLICY
    played.ctl("rewind", 4)
    assert [f.extras["action"] for f in played.step(4)] == actions
    assert played.ctl("policy", "plannr")["msg"].startswith("unknown policy 'plannr'; did you mean")
    played.ctl("policy", "planner")
    assert played.step(2)[-1].header.flags & Flag.POLICY
    plan = played.ask("plan", count=3)["plan"]
    assert len(plan["candidates"]) == 3
    for candidate in plan["candidates"]:
        lengths = {len(candidate[k]) for k in ("actions", "points", "rewards")}
        assert lengths == {plan["horizon"]} and candidate["image"].startswith("/9j/")


def test_what_is_recorded_can_be_trained_on(played, tmp_path):
    played.step(2)
    assert played.ctl("record", {"on": False})["code"] == "invalid"
    played.ctl("record", {"on": True, "source": "dream"})
    played.ask("keys", down=RIGHT)
    frames = played.step(8)
    assert frames[-1].header.flags & Flag.RECORDING
    dream = played.ctl("record", {"on": False})["recording"]
    assert dream["steps"] == 9
    played.ctl("record", {"on": True, "source": "truth"})
    played.ask("keys", down=LEFT)
    true = played.step(10)
    truth = played.ctl("record", {"on": False})["recording"]
    with EpisodeStore.open(dream["path"]) as store:
        episode = store[0]
        shown = [np.frombuffer(f.picture[4:], np.uint8).reshape(16, 16, 3) for f in frames]
        assert np.array_equal(episode["image"][1:], shown)
        assert episode["action"].tolist() == [[1, 0]] * 8 + [[0, 0]]
    with EpisodeStore.open(truth["path"]) as store:
        shown = [np.frombuffer(f.truth[4:], np.uint8).reshape(16, 16, 3) for f in true]
        assert np.array_equal(store[0]["image"][1:], shown)
    words = ["--preset", "debug", "--steps", "2", "--train", "batch_size=2", "length=8"]
    for number, path in enumerate((dream["path"], truth["path"])):
        run = tmp_path / f"learned{number}"
        assert main(["train", path, "--run", str(run), *words, "--threads", "1"]) == 0


def test_a_session_begins_anew_and_elsewhere(played):
    played.ask("keys", down=RIGHT)
    first = played.step(3)
    assert played.ctl("reset")["branch"] == 1
    assert pixels(played.step(3)) == pixels(first), "the same seed"
    played.ctl("reset", {"seed": 6})
    assert pixels(played.step(3)) != pixels(first)
    played.frames.clear()
    assert played.ctl("reset", {"from": "episode", "id": 1, "t": 3})["t"] == "ack"
    assert not played.frame().truth
    assert played.ctl("reset", {"from": "episode", "id": 999})["code"] == "invalid"
    assert played.ctl("truth", True)["code"] == "invalid"
    assert played.ctl("reset", {"from": "model"})["t"] == "ack"
    played.ctl("goto", 0)
    assert played.step()[0].header.frame == 4


def test_a_session_is_resumed(serve, connect):
    server = serve()
    one = connect(server)
    session = one.hello(seed=3)["session"]
    one.ask("keys", down=RIGHT)
    one.step(40)
    one.ask("branch", **{"from": 35})
    one.step(2)
    two = connect(server)
    welcome = two.hello(resume=session)
    assert welcome["resumed"] and welcome["truth"]["attached"]
    assert welcome["tree"]["branch"] == 1 and welcome["tree"]["branches"][1]["frame"] == 37
    assert one.wait(lambda m: m["t"] == "bye")["code"] == "busy"
    two.ask("keys", down=RIGHT)
    three = connect(server)
    three.hello(seed=3)
    three.ask("keys", down=RIGHT)
    alone = three.step(47)
    assert pixels(two.step(10)) == pixels(alone[37:])
    assert two.hello(seed=1)["code"] == "invalid"
    assert connect(server).hello(resume="f00")["code"] == "not_found"


def test_heartbeats_while_nothing_moves(played):
    beat = played.wait(lambda m: m["t"] == "beat")
    assert abs(beat["ts"] - time.time()) < 60
