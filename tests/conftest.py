"""Options and settings that every test shares."""

import os

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame draws without a screen
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also of the commands that tests start
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pytest
import torch

torch.set_num_threads(1)  # tests run side by side, and often on two cores


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--family",
        action="append",
        default=[],
        metavar="MODULE:CLASS",
        help="run the conformance suite on this model too (repeatable; file.py:Class works)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `-n 2` a file's tests stay together, and those of one trained model: see conformance."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
