"""A base install stays small: at most 35 packages that torch does not bring itself.

Twelve of them are the studio's server: playing should not take a second installation.
"""

from importlib.metadata import PackageNotFoundError, requires

from packaging.markers import default_environment
from packaging.requirements import Requirement


def closure(name, extra=""):
    """Every installed package that `name` needs, itself included."""
    found, waiting = set(), [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        for text in requires(name) or []:
            requirement = Requirement(text)
            environment = {**default_environment(), "extra": extra}
            if requirement.marker and not requirement.marker.evaluate(environment):
                continue
            key = requirement.name.lower().replace("_", "-")
            if key not in found:
                found.add(key)
                waiting += [(key, e) for e in requirement.extras or {""}]
    return found


def installed(names):
    def known(name):
        try:
            return requires(name) is not None or True
        except PackageNotFoundError:
            return False

    return {name for name in names if known(name)}


def test_a_base_install_is_small():
    torch = closure("torch") if installed({"torch"}) else set()
    ours = closure("foreworld") - torch - {"torch"}
    assert 5 < len(ours) <= 35, sorted(ours)


def test_only_torch_numpy_and_physics_are_heavy():
    heavy = {"jax", "tensorflow", "transformers", "ray", "pandas", "matplotlib", "pygame"}
    assert not heavy & closure("foreworld")
