"""What keeps embeddings from being all the same where nothing is reconstructed.

Without one of these the best prediction is of a constant; `foreworld.evaluation.collapse` tells.
Both look at embeddings [B, T, E] across the rows of the batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foreworld.families.codec import action_vector
from foreworld.families.jepa_config import JepaConfig
from foreworld.nn.mlp import mlp
from foreworld.nn.sigreg import collapse_index, sigreg
from foreworld.nn.spread import covariance, covariance_loss, effective_rank, variance_loss
from foreworld.vocab import Batch, Diagnosis, Spec


class Gaussian(nn.Module):
    """Embeddings look like N(0, I) from every side (LeWorldModel, arXiv 2603.19312).

    All instants of the batch together, not one by one as there: the statistic is worth as much as
    it has rows, and windows are few where batches are small.
    """

    def __init__(self, config: JepaConfig, action: Spec) -> None:
        super().__init__()
        self.config = config

    def forward(self, embed_BTE: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The loss [1] by its name; none with a weight of 0."""
        c = self.config
        if not c.sigreg:
            return {}
        return {"sigreg": c.sigreg * sigreg(embed_BTE.flatten(0, 1), c.slices).view(1)}


class Informed(nn.Module):
    """Variance, covariance, slowness and inverse dynamics (PLDM, Sobal et al. 2025), by instant."""

    def __init__(self, config: JepaConfig, action: Spec) -> None:
        super().__init__()
        self.config, self.action = config, action
        self.which = mlp(2 * config.latent, action.width, config.width, 1)

    def forward(self, embed_BTE: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Losses [T] or [B, T - 1] by name; none with a weight of 0."""
        c = self.config
        spread_TEE = covariance(embed_BTE.transpose(0, 1))
        losses = {
            "variance": c.variance * variance_loss(spread_TEE),
            "covariance": c.covariance * covariance_loss(spread_TEE),
        }
        before, after = embed_BTE[:, :-1], embed_BTE[:, 1:]
        together = (~batch["is_first"][:, 1:]).float()  # neighbours of one episode
        losses["similarity"] = c.similarity * together * (after - before).square().mean(-1)
        told = self.which(torch.cat([before, after], -1))
        losses["inverse"] = c.inverse * together * self._missed(told, batch["action"][:, :-1])
        return {name: loss for name, loss in losses.items() if getattr(c, name)}

    def _missed(self, told: Tensor, action: Tensor) -> Tensor:
        """How wrong the told action is [B, T]: squared error in [-1, 1], or cross-entropy."""
        truth = action_vector(action, self.action)
        if not self.action.classes:
            return (told - truth).square().mean(-1)
        parts = zip(*(x.split(self.action.classes, -1) for x in (told, truth)), strict=True)
        return torch.stack([-(t * F.log_softmax(s, -1)).sum(-1) for s, t in parts]).sum(0)


REGULARISERS = {"lewm": Gaussian, "pldm": Informed}

LEAST_RANK, LEAST_DEVIATION, MOST_INDEX = 2.0, 0.05, 0.9


def diagnose_collapse(embed: Tensor, slices: int | None) -> Diagnosis:
    """Whether embeddings [N, E] have collapsed; `evaluation.collapse` says what the numbers mean.

    slices: directions in which they should look Gaussian; None: they need not.
    """
    values = {
        "effective_rank": float(effective_rank(embed)),
        "deviation": float(embed.std(0).median()),
    }
    alarms = []
    if values["effective_rank"] < LEAST_RANK:
        alarms.append(f"effective rank {values['effective_rank']:.1f}, under {LEAST_RANK:g}")
    if values["deviation"] < LEAST_DEVIATION:
        alarms.append(f"median deviation {values['deviation']:.2g}, under {LEAST_DEVIATION:g}")
    if slices:
        values["collapse_index"] = float(collapse_index(sigreg(embed, slices), len(embed)))
        if values["collapse_index"] > MOST_INDEX:
            alarms.append(f"collapse index {values['collapse_index']:.2f}, above {MOST_INDEX:g}")
    remedy = "embeddings have collapsed: give the regulariser more weight, or a lower learning rate"
    return Diagnosis(values, tuple(f"{alarm}; {remedy}" for alarm in alarms))
