"""How far to trust a model: imagined futures, differences between actions, success in the world.

skill = measure_imagination(model, held_out)
pushes = measure_counterfactual(model, branch(BranchingWorld(env), policy))
scores = compare({"cem": planned, "random": ...}, make_stream, episodes=50)
write_report("report.html", "demo", imagination=skill, counterfactual=pushes, control={...})
"""

from foreworld.evaluation.branches import Branches, BranchingWorld, branch
from foreworld.evaluation.collapse import CollapsePanel, collapse_panel
from foreworld.evaluation.control import HELD_OUT, Score, compare, evaluate_policy
from foreworld.evaluation.counterfactual import Counterfactual, measure_counterfactual
from foreworld.evaluation.futures import Film, eventful_windows, film_futures, film_pushes
from foreworld.evaluation.imagination import Imagination, measure_imagination
from foreworld.evaluation.intervals import Interval, bootstrap_mean, bootstrap_skill, wilson
from foreworld.evaluation.provenance import provenance
from foreworld.evaluation.report import write_report
from foreworld.evaluation.verdict import verdict

__all__ = [
    "HELD_OUT",
    "Branches",
    "BranchingWorld",
    "CollapsePanel",
    "Counterfactual",
    "Film",
    "Imagination",
    "Interval",
    "Score",
    "bootstrap_mean",
    "bootstrap_skill",
    "branch",
    "collapse_panel",
    "compare",
    "evaluate_policy",
    "eventful_windows",
    "film_futures",
    "film_pushes",
    "measure_counterfactual",
    "measure_imagination",
    "provenance",
    "verdict",
    "wilson",
    "write_report",
]
