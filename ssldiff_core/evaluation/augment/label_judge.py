"""Does a variation still show its label? A linear probe on the training images' embeddings is asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...layouts.directions import to_unit

_INVERSE_REGULARISATION = 10.0


def describe_image(cells: np.ndarray) -> np.ndarray:
    """Embeddings of an image's cells (rows, cols, dim) or (n, dim) -> one vector (dim,) float32: their mean direction,
    as long as they agree.
    """
    return np.asarray(to_unit(cells.reshape(-1, cells.shape[-1])).mean(axis=0), dtype=np.float32)


class LabelJudge:
    """Probability of a label, by logistic regression on training images alone.

    Args:
        vectors: (n, dim), of :func:`describe_image`.
        labels: n of them; with one class alone, every judgement is 1.
    """

    def __init__(self, vectors: np.ndarray, labels: Sequence[str]) -> None:
        self.classes = sorted(set(labels))
        self._probe = None
        if len(self.classes) > 1:
            from sklearn.linear_model import LogisticRegression

            self._probe = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=500, class_weight="balanced")
            self._probe.fit(vectors, list(labels))

    def judge(self, vectors: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """For images (n, dim) and what they should show: the label's probability (n,), and whether it is the likeliest
        (n,) bool.
        """
        if self._probe is None:
            return np.ones(len(vectors)), np.ones(len(vectors), bool)
        shares = self._probe.predict_proba(vectors)
        names = list(self._probe.classes_)
        own = shares[np.arange(len(vectors)), [names.index(label) for label in labels]]
        return own, own >= shares.max(axis=1)
