"""What variations keep of their parents' class.

A probe on a round's real images is asked about images that do not train in it, and about their variations. Where it
tells the parents and not the variations, drawing has lost what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..report import Table
from .intervals import over_seeds
from .patch_scores import real_training_set
from .patches import Features, StudySet
from .probe import accuracy, fit_probe


@dataclass(frozen=True)
class Kept:
    """One kind of variation in one round.

    Args:
        round: name of the round.
        seed: of the round.
        kind: of the variations, with its amount.
        parents: balanced accuracy of the probe on their parents, none of which trained.
        variations: on themselves.
        count: variations asked about.
    """

    round: str
    seed: int
    kind: str
    parents: float
    variations: float
    count: int


def kept_labels(study: StudySet, real: Features, synthetic: Features) -> Iterator[Kept]:
    """Every kind in every round that leaves some of the varied images out.

    Not asked about are blends, which have two parents, and children of images that no round uses: of these there are no
    features.

    Args:
        study: pictures and rounds.
        real, synthetic: their features (n, views, dim).
    """
    labels = study.labels()
    kinds = np.array(study.kinds)
    made = study.pictures[study.real :]
    alone = np.array([len(picture.parents) == 1 for picture in made], dtype=np.bool_)
    parent = np.array([picture.parents[0] for picture in made], dtype=np.int64)
    used = np.unique([index for one in study.rounds for index in (*one.train, *one.test)])
    for one in study.rounds:
        train = np.array(one.train)
        if len(np.unique(labels[train])) < 2:
            continue
        asked = alone & np.isin(parent, used) & ~np.isin(parent, train)
        if not asked.any():
            continue
        weights, _ = fit_probe(real_training_set(study, real, train), len(study.classes))
        for kind in np.unique(kinds[asked]):
            own = asked & (kinds == kind)
            parents = np.unique(parent[own])
            yield Kept(
                one.name, one.seed, str(kind), accuracy(weights, real[parents, 0], labels[parents]),
                accuracy(weights, synthetic[own, 0], labels[study.real :][own]), int(own.sum()),
            )  # fmt: skip


def kept_table(found: Sequence[Kept]) -> Table:
    """A row for each round and kind, means over the draws."""
    rows = []
    for name, kind in dict.fromkeys((one.round, one.kind) for one in found):
        own = [one for one in found if (one.round, one.kind) == (name, kind)]
        parents, variations = (
            over_seeds(np.array([getattr(one, which) for one in own])) for which in ("parents", "variations")
        )
        lost = over_seeds(np.array([one.variations - one.parents for one in own]), "paired by draw")
        rows.append((name, kind, own[0].count, parents, variations, lost))
    note = """A linear probe on the real images of a draw, asked about images that do not train in it, and about their
variations: balanced accuracy."""
    columns = ("real data", "kind", "variations", "told of the parents", "told of the variations", "difference")
    return Table("What variations keep of their class", columns, rows, note)
