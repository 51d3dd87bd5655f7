"""Threads as asked, and memory that is kept where glibc allocates."""

import platform

import pytest
import torch

from foreworld.training.threads import keep_memory, num_cores, set_threads


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_threads(monkeypatch):
    assert set_threads(1) == torch.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert set_threads(None) == 1, "who set the variable has decided"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= set_threads(None) == torch.get_num_threads() <= min(2, num_cores())
    with pytest.raises(ValueError, match="--threads 0: at least 1"):
        set_threads(0)


def test_memory_is_kept():
    assert keep_memory() == (platform.libc_ver()[0] == "glibc")
