"""Which families are tested: those of the catalog, and those that `--family` names."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for toy, subject, checks and mutants

from subject import Subject

from foreworld import catalog

VARIANTS = ("continuous", "discrete")


@cache  # one training for all checks of a process
def trained(name: str, variant: str) -> Subject:
    return Subject(name, discrete=variant == "discrete")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        names = [*catalog.FAMILIES, *metafunc.config.getoption("--family")]
        cases = [(name, variant) for name in dict.fromkeys(names) for variant in VARIANTS]
        labels = [f"{name.rpartition(':')[2]}-{variant}" for name, variant in cases]
        parameters = [
            pytest.param(case, id=label, marks=pytest.mark.xdist_group(f"conformance {label}"))
            for case, label in zip(cases, labels, strict=True)
        ]
        metafunc.parametrize("subject", parameters, indirect=True, scope="session")


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    return trained(*request.param)
