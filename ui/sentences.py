"""Sentences to begin with, for each model that reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssldiff_core.errors import SSLDiffError
from ssldiff_core.layouts.text import FILLER_WORDS, POSITION_WORDS, Vocabulary, split_words

if TYPE_CHECKING:
    from ssldiff_core.models.catalogue import ModelSpec

EXAMPLES = {
    "aerial": (
        "a river through the middle from top to bottom, houses on the left, farmland on the right",
        "a harbour at the bottom, car park at the top",
        "a park in the centre surrounded by houses",
        "mostly farmland, a freeway running across the middle",
    ),
    "tissue": (
        "tumour on the left, fat on the right",
        "necrosis in the centre surrounded by tumour",
        "mostly stroma, a little inflamed stroma in the top left corner",
        "bone at the top, blood at the bottom",
    ),
}  # fmt: skip
"""Of the models that ship; those with a word that a prior was not taught are left out."""


def examples_of(spec: ModelSpec) -> list[str]:
    """Sentences to begin with; of another model's own words where it is no shipped one. None where it cannot read."""
    from ssldiff_core.models.prior import PRIOR_FOLDER, has_prior, read_prior_spec

    if not has_prior(spec):
        return []
    try:
        prior = read_prior_spec(spec.folder / PRIOR_FOLDER)
    except SSLDiffError:
        return []
    vocabulary = Vocabulary(dict(prior.concepts), dict(prior.labels), frozenset(prior.words))
    known = [text for text in EXAMPLES.get(spec.id, ()) if _is_known(text, vocabulary)]
    names = [words[0] for words in prior.concepts.values()]
    pairs = list(zip(names[::2], names[1::2], strict=False))
    return known or [f"{a} on the left, {b} on the right" for a, b in pairs[:4]] or names[:1]


def _is_known(text: str, vocabulary: Vocabulary) -> bool:
    words = set(split_words(text)) - FILLER_WORDS - POSITION_WORDS - {"surrounded"}
    return all(vocabulary.is_known(word) for word in words)
