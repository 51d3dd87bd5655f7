"""kill -9 during `foreworld collect` loses nothing but the open episodes."""

import sys
from pathlib import Path

import pytest

from foreworld.reference import locate

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_collect.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_nothing_seen_is_lost(tmp_path):
    pytest.importorskip("gymnasium.envs.classic_control.cartpole")
    found = locate(f"{BENCHMARK}:measure")(tmp_path / "store", kills=6, seed=0)
    assert found["found_after"][-1] > 50
    assert found["lost"] == found["damaged"] == found["different"] == 0, found
