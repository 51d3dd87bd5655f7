"""The conformance suite notices what it is there to notice, and nothing else."""

from __future__ import annotations

import pytest
from checks import failures
from mutants import EXPECTED, TRAINED, Linear
from subject import Subject

ORIGINAL = Subject("Linear", discrete=False, family=Linear)


def test_the_original_passes():
    assert failures(ORIGINAL) == {}


@pytest.mark.parametrize("mutant", EXPECTED, ids=lambda mutant: mutant.__name__)
def test_exactly_the_right_checks_fail(mutant):
    teacher = None if mutant in TRAINED else ORIGINAL
    subject = Subject(mutant.__name__, discrete=False, family=mutant, teacher=teacher)
    found = failures(subject)
    assert set(found) == EXPECTED[mutant], found
