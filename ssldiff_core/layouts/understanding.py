"""Which words of a prompt a prior does not know, what comes nearest to them, and when a prompt is of another domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import SettingsError
from .text import FILLER_WORDS, POSITION_WORDS, Prompt, TextEncoder, Vocabulary, split_words

LEAST_LIKENESS = 0.52
"""Cosine between a phrase without any known name and the nearest known name below which it is not understood."""
LEAST_NEARNESS = 0.45
"""Cosine below which nothing known is called near to an unknown word."""


@dataclass(frozen=True)
class UnknownWord:
    """A word that no caption held, and the known name that comes nearest to it.

    Args:
        word: as typed, in lower case.
        nearest: what the prior knows.
        likeness: cosine of their vectors.
    """

    word: str
    nearest: str
    likeness: float

    def __str__(self) -> str:
        if self.likeness < LEAST_NEARNESS:
            return f"{self.word!r} is unknown, and nothing that is known comes near it"
        return f"{self.word!r} is unknown; the nearest known is {self.nearest!r}"


def find_unknown_words(texts: Sequence[str], vocabulary: Vocabulary, encoder: TextEncoder) -> list[UnknownWord]:
    """Unknown words in order of appearance, each once."""
    words = dict.fromkeys(word for text in texts for word in split_words(text) if not vocabulary.is_known(word))
    return [UnknownWord(word, *_nearest(word, vocabulary, encoder)) for word in words]


def check_understood(prompt: Prompt, vocabulary: Vocabulary, encoder: TextEncoder, domain: str) -> list[str]:
    """What to say of a prompt: unknown words, phrases left out.

    Raises:
        SettingsError: where no phrase names anything near to what the prior knows.
    """
    strange = {phrase for phrase in prompt.phrases if not _names_something(phrase, vocabulary)}
    likeness = {phrase: _nearest(_bare(phrase), vocabulary, encoder) for phrase in strange}
    if len([p for p in strange if likeness[p][1] < LEAST_LIKENESS]) == len(prompt.phrases):
        nearest = likeness[prompt.phrases[0]][0]
        raise SettingsError(
            f"draw {prompt.phrases[0]!r}", f"nothing of it is known to a model of {domain}",
            "a text is in English and names what such images show",
            f"The nearest known is {nearest!r}; it knows {', '.join(vocabulary.concepts)}",
        )  # fmt: skip
    notes = [f"{word}." for word in find_unknown_words((*prompt.phrases, *prompt.absent), vocabulary, encoder)]
    for phrase in prompt.phrases:
        if phrase in strange and likeness[phrase][1] < LEAST_LIKENESS:
            notes.append(f"{phrase!r} names nothing that the model knows; it may be ignored.")
    if prompt.left_out:
        notes.append(f"Only the first {len(prompt.phrases)} parts are read; left out: {'; '.join(prompt.left_out)}.")
    return notes


def _names_something(phrase: str, vocabulary: Vocabulary) -> bool:
    """Whether it holds a whole known name (``bird's eye view of intersection``), or a word of one and not more words
    that nobody taught (``tumour in pale stroma``).
    """
    said = f" {' '.join(split_words(phrase))} "
    if any(f" {' '.join(split_words(name))} " in said for names in vocabulary.concepts.values() for name in names):
        return True
    words = [word for word in split_words(phrase) if word not in FILLER_WORDS | POSITION_WORDS]
    known = vocabulary.content_words
    named = [word for word in words if {word, f"{word}s", word.removesuffix("s")} & known]
    return bool(named) and len(named) >= len([word for word in words if not vocabulary.is_known(word)])


def _bare(phrase: str) -> str:
    """A phrase without its words of place."""
    words = [word for word in split_words(phrase) if word not in FILLER_WORDS | POSITION_WORDS]
    return " ".join(words) or phrase


def _nearest(text: str, vocabulary: Vocabulary, encoder: TextEncoder) -> tuple[str, float]:
    """The known name whose vector is nearest, and the cosine."""
    names = [name for words in vocabulary.concepts.values() for name in words]
    vectors = encoder.encode([text, *names])
    likeness = vectors[1:] @ vectors[0]
    best = int(np.argmax(likeness))
    return names[best], float(likeness[best])
