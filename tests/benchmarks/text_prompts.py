"""Prompts of the text benchmark, phrased as no caption of the training was, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssldiff_core.training.concepts import AERIAL, Concept

CLASS_FORMS = (
    "an aerial picture of {}", "{} seen from above", "a view down on {}", "this place is full of {}", "{} from the air",
    "we fly over {}", "bird's eye view of {}",
)  # fmt: skip
PLACE_FORMS: dict[str, tuple[str, ...]] = {
    "left": ("{} on the left hand side", "the left is {}", "{} towards the left"),
    "right": ("{} on the right hand side", "the right is {}", "{} towards the right"),
    "top": ("{} in the top half", "the upper half is {}", "{} towards the top"),
    "bottom": ("{} in the bottom half", "the lower half is {}", "{} towards the bottom"),
    "top left": ("{} in the upper left corner", "the top left quarter is {}"),
    "top right": ("{} in the upper right corner", "the top right quarter is {}"),
    "bottom left": ("{} in the lower left corner", "the bottom left quarter is {}"),
    "bottom right": ("{} in the lower right corner", "the bottom right quarter is {}"),
    "centre": ("{} right in the middle of it", "the centre is {}"),
    "border": ("{} along all edges", "the border is {}"),
}  # fmt: skip
OPPOSITE = {
    "left": "right", "right": "left", "top": "bottom", "bottom": "top", "centre": "border", "top left": "bottom right",
    "top right": "bottom left", "bottom left": "top right", "bottom right": "top left", "border": "centre",
}  # fmt: skip


def _half(axis: int, low: bool) -> Callable[[int], NDArray[np.bool_]]:
    def mask(cells: int) -> NDArray[np.bool_]:
        index = np.indices((cells, cells))[axis]
        return np.asarray(index < cells / 2) if low else np.asarray(index >= cells / 2)

    return mask


def _both(*masks: Callable[[int], NDArray[np.bool_]]) -> Callable[[int], NDArray[np.bool_]]:
    return lambda cells: np.logical_and(*(mask(cells) for mask in masks))


def _edge(cells: int) -> NDArray[np.bool_]:
    mask = np.ones((cells, cells), dtype=bool)
    mask[1:-1, 1:-1] = False
    return mask


TOP, BOTTOM, LEFT, RIGHT = _half(0, True), _half(0, False), _half(1, True), _half(1, False)
PLACES: dict[str, Callable[[int], NDArray[np.bool_]]] = {
    "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM, "top left": _both(TOP, LEFT),
    "top right": _both(TOP, RIGHT), "bottom left": _both(BOTTOM, LEFT), "bottom right": _both(BOTTOM, RIGHT),
    "centre": lambda cells: ~_edge(cells), "border": _edge,
}  # fmt: skip
"""Which cells of a square layout a place is."""


@dataclass(frozen=True)
class ClassPrompt:
    """A prompt and the label of UC Merced, or of the osteosarcoma set, that it asks for."""

    text: str
    label: str


@dataclass(frozen=True)
class PlacePrompt:
    """A prompt and what it asks for: (place, swatches that count as it)."""

    text: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]


def class_prompts(each: int, concepts: Sequence[Concept] = AERIAL) -> list[ClassPrompt]:
    """``each`` prompts for every label, forms and words in turn; "no X" asks for nothing by itself."""
    prompts = []
    for concept in concepts:
        words = [word for word in concept.words if not word.startswith("no ")]
        for label in concept.labels:
            for i in range(each):
                word = words[i % len(words)]
                prompts.append(ClassPrompt(CLASS_FORMS[i % len(CLASS_FORMS)].format(word), label))
    return prompts


def place_prompts(count: int, seed: int = 0, concepts: Sequence[Concept] = AERIAL) -> list[PlacePrompt]:
    """Two concepts whose swatches differ, at opposite places."""
    generator = np.random.default_rng(seed)
    known = [concept for concept in concepts if concept.swatches]
    prompts = []
    for index in range(count):
        place = list(OPPOSITE)[index % len(OPPOSITE)]
        while True:
            first, second = (known[i] for i in generator.permutation(len(known))[:2])
            if not set(first.swatches) & set(second.swatches):
                break
        said, parts = [], []
        for concept, where in ((first, place), (second, OPPOSITE[place])):
            form = PLACE_FORMS[where][int(generator.integers(len(PLACE_FORMS[where])))]
            said.append(form.format(concept.words[int(generator.integers(len(concept.words)))]))
            parts.append((where, concept.swatches))
        prompts.append(PlacePrompt(", ".join(said), tuple(parts)))
    return prompts


def share_prompts(concepts: Sequence[Concept] = AERIAL) -> list[tuple[str, tuple[str, ...], float]]:
    """(text, swatches, share asked for), taking "mostly" as three quarters and "a little" as an eighth."""
    known = [concept for concept in concepts if concept.swatches]
    asked = []
    for index, concept in enumerate(known):
        other = next(c for c in known[index + 3 :] + known if not set(c.swatches) & set(concept.swatches))
        asked.append((f"half {concept.words[0]}, half {other.words[0]}", concept.swatches, 0.5))
        asked.append((f"mostly {concept.words[0]}, a little {other.words[0]}", concept.swatches, 0.75))
    return asked
