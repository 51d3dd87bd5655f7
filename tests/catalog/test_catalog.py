"""Every catalog name leads to a class, and other names to help."""

import pytest

from foreworld.catalog import FAMILIES, PLANNERS, POLICIES, WORLDS, resolve, world_id
from foreworld.vocab import WorldModel

TABLES = {"families": FAMILIES, "planners": PLANNERS, "policies": POLICIES}
ENTRIES = [(table, name) for table, names in TABLES.items() for name in names]


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_names_lead_to_classes(table, name):
    found = resolve(TABLES[table], name)
    assert isinstance(found, type)
    assert (table == "families") == issubclass(found, WorldModel)
    assert table != "families" or isinstance(found.Config, type)


def test_any_class_works(tmp_path):
    (tmp_path / "mine.py").write_text("class Mine:\n    pass\n")
    assert resolve(PLANNERS, "foreworld.planners.cem:Cem") is resolve(PLANNERS, "cem")
    assert resolve(FAMILIES, f"{tmp_path}/mine.py:Mine").__name__ == "Mine"


def test_unknown_names_are_answered():
    with pytest.raises(
        ValueError, match=r"'iceem'; did you mean 'icem'\? Valid: cem, gradient, icem, mcts, mppi"
    ):
        resolve(PLANNERS, "iceem")


def test_worlds_are_ids_and_ids_are_their_own():
    assert world_id("CartPole-v1") == "CartPole-v1"
    assert all(world_id(name) == env_id for name, env_id in WORLDS.items())
