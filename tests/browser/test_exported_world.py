"""An exported world plays in a tab that a plain file server filled, and says what Python says."""

from pathlib import Path

import pytest

from foreworld.cli.main import main
from foreworld.reference import locate
from foreworld.run import load

pytest.importorskip("onnxscript")
pytest.importorskip("playwright")
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "export_web.py"
READY, difference, served = (
    locate(f"{BENCHMARK}:{name}") for name in ("READY", "difference", "served")
)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "world"
    assert main(["export", str(run), "--to", "web", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def address(exported):
    with served(exported) as url:
        yield url


@pytest.fixture
def tab(address, watched):
    """The page, ready to play; an error in its console fails the test, and so does a call home."""
    watch = watched()
    watch.page.goto(address)
    watch.page.wait_for_selector(READY, timeout=60_000)
    yield watch.page
    assert not watch.wrong


def frame(page):
    return page.evaluate("studio.frame.frame")


def until(page, condition, argument=None):
    page.wait_for_function(condition, arg=argument, timeout=30_000)


def test_64_steps_say_what_python_says(tab, run, exported):
    apart = difference(tab, load(run).model, exported)
    assert {"image", "reward"} <= set(apart)
    assert max(apart.values()) <= 1e-4


def test_keys_steer_the_dream(tab):
    assert frame(tab) == 0 and tab.evaluate("studio.state.paused")
    pictures = []
    for key, pushed in (("ArrowLeft", -1), ("ArrowRight", 1)):
        tab.evaluate("studio.commands.control('reset', {seed: 7})")
        tab.keyboard.down(key)
        tab.evaluate("studio.commands.stop().then(() => studio.commands.control('step', 8))")
        until(tab, "() => studio.frame.frame >= 8")
        pictures.append(tab.evaluate("JSON.stringify(Array.from(studio.frame.dreamPicture))"))
        assert tab.evaluate("studio.frame.action[0]") == pushed
        tab.keyboard.up(key)
    assert pictures[0] != pictures[1]


def test_a_key_begins_play_and_frames_flow(tab):
    tab.keyboard.down("ArrowUp")
    until(tab, "() => studio.frame.frame >= 12 && !studio.state.paused")
    tab.keyboard.up("ArrowUp")
    tab.keyboard.press("Space")
    until(tab, "() => studio.state.paused")


def test_the_same_seed_and_keys_dream_the_same(tab):
    seen = []
    for _ in range(2):
        tab.evaluate("studio.commands.control('reset', {seed: 3})")
        tab.evaluate("studio.commands.control('step', 5)")
        until(tab, "() => studio.frame.frame === 5")
        seen.append(tab.evaluate("JSON.stringify(Array.from(studio.frame.dreamPicture))"))
    assert seen[0] == seen[1]


def test_a_dream_goes_back_and_forks(tab):
    tab.evaluate("studio.commands.control('step', 6)")
    until(tab, "() => studio.frame.frame === 6")
    first = tab.evaluate("JSON.stringify(Array.from(studio.frame.dreamPicture))")
    tab.evaluate("studio.commands.control('rewind', 4)")
    until(tab, "() => studio.frame.frame === 2 && studio.frame.branch === 0")
    tab.evaluate("studio.commands.control('step', 4)")
    until(tab, "() => studio.frame.frame === 6 && studio.frame.branch === 1")
    assert tab.evaluate("studio.tree.branches.size") == 2
    # The same actions after the fork, and the same chance: the same dream.
    assert tab.evaluate("JSON.stringify(Array.from(studio.frame.dreamPicture))") == first


def test_play_begins_where_one_asks(tab):
    starts = tab.locator("[data-start]")
    assert starts.count() >= 3
    pictures = []
    for n in range(2):
        starts.nth(n).click()
        until(tab, "() => studio.frame.frame === 0")
        pictures.append(tab.evaluate("JSON.stringify(Array.from(studio.frame.dreamPicture))"))
    assert pictures[0] != pictures[1]


def test_what_needs_the_studio_says_so(tab):
    tab.keyboard.press("f")  # the planner's futures
    until(tab, "() => document.getElementById('toasts').textContent.includes('foreworld play')")
