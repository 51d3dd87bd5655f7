"""A browser, a server with a small run, and a page that notes what goes wrong in it."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from foreworld.cli.main import main

sys.path.insert(0, str(Path(__file__).parent))  # for visit and studio_server

from studio_server import served
from visit import Watched, enter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items):
    missing = [
        name
        for name, there in {
            "playwright (pip install 'foreworld[browser]')": importlib.util.find_spec("playwright"),
            "chromium (apt-get install chromium)": CHROMIUM,
        }.items()
        if not there
    ]
    if missing:
        for item in items:
            if "tests/browser" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason=f"needs {' and '.join(missing)}"))


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of the table after a few updates: what it dreams is poor, that it obeys is enough."""
    run = tmp_path_factory.mktemp("played") / "table"
    words = "--preset debug --steps 2 --prefill 200 --num-envs 2 --threads 1 --image-size 16"
    size = ["--env", "image_size=16", "--env", "max_steps=50"]
    assert main(["train", "tabletop", "--run", str(run), *words.split(), *size]) == 0
    return run


@pytest.fixture(scope="session")
def studio(run):
    with served(run) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def watched(browser):
    made = []

    def make(**options):
        made.append(Watched(browser, **options))
        return made[-1]

    yield make
    for each in made:
        each.context.close()


@pytest.fixture
def page(studio, watched):
    """The studio, paused at its first frame; an error in its console fails the test."""
    watch = watched()
    enter(watch.page, studio)
    yield watch.page
    assert not watch.wrong
