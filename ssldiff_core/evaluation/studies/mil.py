"""Multiple instance learning: a label for a bag of embeddings. The paper's two: CLAM-SB and DSMIL.

CLAM-SB (Lu et al. 2021): gated attention pools a bag; the cells of highest and lowest attention are told apart by an
instance classifier of the bag's class, as a second loss. DSMIL (Li et al. 2021): the cell with the highest score of a
class is its critical one; all cells are pooled by their likeness to it, and both streams' logits are averaged. Written
from the papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...errors import SettingsError

Bag = NDArray[np.float32]
"""(cells, dim)."""


@dataclass(frozen=True)
class MilTraining:
    """How a bag classifier is trained.

    Args:
        epochs: passes over the bags.
        rate: learning rate.
        decay: weight decay.
        hidden: width.
        dropout: on cells' features.
        instances: cells at either end of the attention that CLAM's second loss looks at.
        instance_weight: of that loss.
    """

    epochs: int = 40
    rate: float = 2e-3
    decay: float = 1e-2
    hidden: int = 64
    dropout: float = 0.25
    instances: int = 4
    instance_weight: float = 0.3


class ClamSB(nn.Module):
    """CLAM with a single attention branch.

    Args:
        dim: of a cell's embedding.
        classes: of a bag.
        training: widths and weights.
    """

    def __init__(self, dim: int, classes: int, training: MilTraining) -> None:
        super().__init__()
        hidden = training.hidden
        self.training_plan = training
        self.embed = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Dropout(training.dropout))
        self.tanh, self.gate = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.attend = nn.Linear(hidden, 1)
        self.bag = nn.Linear(hidden, classes)
        self.instance = nn.ModuleList(nn.Linear(hidden, 2) for _ in range(classes))

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cells (n, dim) -> logits (classes,), attention before the softmax (n,), cells as embedded (n, hidden)."""
        embedded = self.embed(cells)
        attention = self.attend(torch.tanh(self.tanh(embedded)) * torch.sigmoid(self.gate(embedded)))[:, 0]
        pooled = torch.softmax(attention, dim=0) @ embedded
        return self.bag(pooled), attention, embedded

    def loss(self, cells: Tensor, label: int) -> Tensor:
        """Of one bag."""
        logits, attention, embedded = self(cells)
        count = min(self.training_plan.instances, max(1, len(cells) // 2))
        order = attention.argsort(descending=True)
        ends = torch.cat([order[:count], order[-count:]])
        told = torch.cat([torch.ones(count), torch.zeros(count)]).long()
        instance = F.cross_entropy(self.instance[label](embedded[ends]), told)
        bag = F.cross_entropy(logits[None], torch.tensor([label]))
        share = self.training_plan.instance_weight
        return (1.0 - share) * bag + share * instance


class DSMIL(nn.Module):
    """Dual-stream multiple instance learning.

    Args:
        dim: of a cell's embedding.
        classes: of a bag.
        training: widths.
    """

    def __init__(self, dim: int, classes: int, training: MilTraining) -> None:
        super().__init__()
        hidden = training.hidden
        self.embed = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Dropout(training.dropout))
        self.instance = nn.Linear(hidden, classes)
        self.query = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.Tanh())
        self.value = nn.Sequential(nn.Dropout(training.dropout), nn.Linear(hidden, hidden), nn.ReLU())
        self.bag = nn.Conv1d(classes, classes, kernel_size=hidden)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Cells (n, dim) -> logits (classes,) of the cells' highest scores, and of the pooled bag."""
        embedded = self.embed(cells)
        scores = self.instance(embedded)
        queries = self.query(embedded)
        critical = queries[scores.argmax(dim=0)]
        attention = torch.softmax(queries @ critical.T / queries.shape[1] ** 0.5, dim=0)
        pooled = attention.T @ self.value(embedded)
        return scores.max(dim=0).values, self.bag(pooled[None])[0, :, 0]

    def loss(self, cells: Tensor, label: int) -> Tensor:
        """Of one bag: the mean of both streams'."""
        told = torch.tensor([label])
        highest, pooled = self(cells)
        return 0.5 * (F.cross_entropy(highest[None], told) + F.cross_entropy(pooled[None], told))


MODELS: dict[str, type[ClamSB] | type[DSMIL]] = {"CLAM-SB": ClamSB, "DSMIL": DSMIL}


def train_bags(
    name: str, bags: Sequence[Bag], labels: Sequence[int], classes: int, seed: int, training: MilTraining | None = None
) -> ClamSB | DSMIL:
    """Train on bags, one at a time; each epoch sees every class equally often.

    Args:
        name: of :data:`MODELS`.
        bags: (cells, dim) float32 each, of any number of cells.
        labels: class of each.
        classes: how many there are.
        seed: of weights and order.
        training: how.

    Raises:
        SettingsError: where there is no such model, or a bag is empty or not finite.
    """
    if name not in MODELS:
        raise SettingsError(f"train {name!r} on bags", "there is none", f"models are {', '.join(MODELS)}")
    for number, bag in enumerate(bags):
        if not len(bag) or not np.isfinite(bag).all():
            raise SettingsError(
                f"train {name} on bags", f"bag {number} is empty or not finite", "bags hold finite numbers"
            )
    training = training or MilTraining()
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    network = MODELS[name](bags[0].shape[1], classes, training)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=training.decay)
    members = [np.flatnonzero(np.asarray(labels) == label) for label in sorted(set(labels))]
    most = max(len(own) for own in members)
    tensors = [torch.from_numpy(np.ascontiguousarray(bag)) for bag in bags]
    network.train()
    for _ in range(training.epochs):
        turns = np.concatenate([np.resize(generator.permutation(own), most) for own in members])
        for index in generator.permutation(turns):
            loss = network.loss(tensors[index], int(labels[index]))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return network.eval()


@torch.inference_mode()
def bag_scores(network: ClamSB | DSMIL, bags: Sequence[Bag]) -> NDArray[np.float64]:
    """(n, classes) probabilities of bags."""
    rows: list[Any] = []
    for bag in bags:
        found = network(torch.from_numpy(np.ascontiguousarray(bag)))
        shares = (
            torch.softmax(found[0], dim=0) if isinstance(network, ClamSB)
            else 0.5 * (torch.softmax(found[0], dim=0) + torch.softmax(found[1], dim=0))
        )  # fmt: skip
        rows.append(shares.numpy())
    return np.stack(rows).astype(np.float64)


def area_under_curve(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """AUC of the second class, or the mean of one against the rest for more; NaN where one class is missing."""
    from sklearn.metrics import roc_auc_score

    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    if scores.shape[1] == 2:
        return float(roc_auc_score(labels == 1, scores[:, 1]))
    return float(np.mean([roc_auc_score(labels == label, scores[:, label]) for label in present]))
