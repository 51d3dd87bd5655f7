"""Policies choose actions for N parallel worlds.

What they remember is in a carry that is passed on::

    carry = policy.init(num_envs)
    carry, action = policy.act(carry, step)
"""

from foreworld.policies.constant import ConstantPolicy, NoopPolicy
from foreworld.policies.planned import PlannedPolicy
from foreworld.policies.random import RandomPolicy

__all__ = ["ConstantPolicy", "NoopPolicy", "PlannedPolicy", "RandomPolicy"]
