"""`foreworld collect` writes stores that can be gone on with, whatever happened."""

import json
import signal
import subprocess
import sys
import time

import pytest

from foreworld.cli.collect import fill, look, open_store
from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.run import World, read_world


def collect(*words):
    return main(["collect", *map(str, words)])


def test_stores_grow_and_never_repeat(tmp_path, capsys):
    words = ["CartPole-v1", "--out", tmp_path / "s", "--steps", 100, "--num-envs", 2, "--json"]
    assert collect(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert 90 <= first["steps"] <= 100 and first["episodes"] > 2 and first["mean_return"] > 0
    assert collect(*words) == 0
    assert json.loads(capsys.readouterr().out)["steps"] >= first["steps"] + 90
    with EpisodeStore.open(tmp_path / "s") as store:
        starts = {store[i]["vector"][0].tobytes() for i in store.ids}
        assert len(starts) == len(store)
    assert read_world(tmp_path / "s") == World("CartPole-v1")


def test_the_tabletop_is_played_with_contact(tmp_path, capsys):
    words = ["tabletop", "--out", tmp_path, "--steps", 200, "--num-envs", 4]
    assert collect(*words, "--env", 'task=["push"]', "--json") == 0
    assert "success_rate" in json.loads(capsys.readouterr().out)
    assert read_world(tmp_path) == World("foreworld/Tabletop-v0", {"task": ["push"]})
    assert collect(*words, "--env", "task=move") == 1
    assert "holds episodes of another world" in capsys.readouterr().err
    EpisodeStore.open(tmp_path, "a").close()  # the lock is free again


def test_a_clock_that_ran_out_still_leaves_something_to_hold_out(tmp_path):
    world = World("CartPole-v1")
    with open_store(tmp_path / "s", look(world, "random"), world) as store:
        fill(store, world, "random", 10_000, 2, until_s=0.0, least=6)
        assert 6 <= len(store) <= 7 and len(store.split()[1]) > 0


def test_whoever_draws_with_pygame_can_be_ended(tmp_path):
    """SDL swallows the signal unless it is told not to, and collecting went on for ever."""
    pytest.importorskip("pygame")
    words = ["Pendulum-v1", "--pixels", "--image-size", "16", "--steps", "1000000"]
    command = [sys.executable, "-m", "foreworld.cli.main", "collect", *words]
    command += ["--out", str(tmp_path / "s")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"collecting" not in process.stderr.read1():  # by then it has drawn
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == -signal.SIGTERM
        finally:
            process.kill()
    EpisodeStore.open(tmp_path / "s").close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["CartPol-v1"], "nearest: CartPole-v1"),
        (["CartPole-v1", "--policy", "randm"], "did you mean 'random'?"),
        (["CartPole-v1", "--policy", "mixed"], "know the tabletop only"),
        (["CartPole-v1", "--env", "x"], "write key=value"),
        (["CartPole-v1", "--steps", "0"], "at least 1"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path, capsys, words, says):
    assert collect(*words, "--out", tmp_path / "s") == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
