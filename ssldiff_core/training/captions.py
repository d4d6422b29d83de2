"""Captions from what is known of a layout: which concepts lie where, how much of each, and how they look.

A position is named only where a test on the concept's cells holds; an adjective only where the measured appearance lies
in the outer quarter of what the concept shows. Some captions leave things out, so that a prompt need not name all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .concepts import Concept

POSITIONS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "to the left", "on the left side", "in the left half", "at the left edge", "left",
             "in the west", "in the left part of the picture", "over the whole left"),
    "right": ("on the right", "to the right", "on the right side", "in the right half", "at the right edge", "right",
              "in the east", "in the right part of the picture", "over the whole right"),
    "top": ("at the top", "in the upper half", "along the top", "above", "in the upper part", "in the north",
            "at the upper edge", "over the whole top"),
    "bottom": ("at the bottom", "in the lower half", "along the bottom", "below", "in the lower part", "in the south",
               "at the lower edge", "over the whole bottom"),
    "top left": ("in the top left corner", "at the top left", "in the upper left", "top left", "in the north west",
                 "in the top left part"),
    "top right": ("in the top right corner", "at the top right", "in the upper right", "top right", "in the north east",
                  "in the top right part"),
    "bottom left": ("in the bottom left corner", "at the bottom left", "in the lower left", "bottom left",
                    "in the south west", "in the bottom left part"),
    "bottom right": ("in the bottom right corner", "at the bottom right", "in the lower right", "bottom right",
                     "in the south east", "in the bottom right part"),
    "centre": ("in the centre", "in the middle", "in the center", "at the centre", "in the very middle",
               "in the central part"),
    "column": ("through the middle from top to bottom", "running down the middle", "vertically through the middle"),
    "row": ("through the middle from left to right", "running across the middle", "horizontally across the middle"),
    "border": ("around the edge", "along the border", "all around", "around it", "surrounding it", "on all sides",
               "at the edges", "around the outside"),
    "scattered": ("scattered", "here and there", "in patches", "dotted around", "in small islands"),
}  # fmt: skip
PLACES_AS_SUBJECTS: dict[str, tuple[str, ...]] = {
    "left": ("the left side is", "the left half shows", "the west is"),
    "right": ("the right side is", "the right half shows", "the east is"),
    "top": ("the top is", "the upper part shows", "the north is"),
    "bottom": ("the bottom is", "the lower part shows", "the south is"),
    "top left": ("the top left corner is", "the upper left shows"),
    "top right": ("the top right corner is", "the upper right shows"),
    "bottom left": ("the bottom left corner is", "the lower left shows"),
    "bottom right": ("the bottom right corner is", "the lower right shows"),
    "centre": ("the middle is", "the centre shows"), "border": ("the edges are", "the surroundings are"),
}  # fmt: skip
"""Where the place comes first in a phrase."""

ADJECTIVES: dict[str, tuple[str, ...]] = {
    "bright": ("bright", "pale", "light"), "dark": ("dark", "shady", "deep coloured"),
    "green": ("green", "lush"), "dry": ("dry", "brown"), "pink": ("pink", "eosinophilic"),
    "purple": ("purple", "basophilic", "blue"), "dense": ("dense", "busy", "packed"),
    "sparse": ("open", "sparse", "plain"),
}  # fmt: skip
MEASURES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "aerial": (("bright", 0, 1), ("dark", 0, -1), ("green", 1, 1), ("dry", 1, -1), ("dense", 2, 1), ("sparse", 2, -1)),
    "tissue": (("bright", 0, 1), ("dark", 0, -1), ("pink", 1, -1), ("purple", 1, 1), ("dense", 2, 1),
               ("sparse", 2, -1)),
}  # fmt: skip
"""Adjective, the measure of :func:`measure_patches` it stands on, and which end of it."""

SHARES = ((0.9, ("{}", "{} everywhere", "only {}", "nothing but {}")), (0.6, ("mostly {}", "mainly {}", "much {}")),
          (0.4, ("half {}", "{} in half of it")), (0.15, ("some {}", "a third {}", "{}")),
          (0.0, ("a little {}", "a few {}", "{}")))  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A concept in a layout: its cells (rows, cols) bool, and adjectives that hold for it."""

    concept: Concept
    cells: NDArray[np.bool_]
    adjectives: tuple[str, ...] = ()


def measure_patches(patches: NDArray[np.uint8], domain: str) -> NDArray[np.float32]:
    """(n, side, side, 3) uint8 -> (n, 3) float32: brightness, tint (green, or blue against red) and business."""
    pixels = patches.astype(np.float32) / 255
    grey = pixels.mean(axis=3)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    tint = 2 * green - red - blue if domain == "aerial" else blue - red
    edges = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
    return np.stack([grey.mean(axis=(1, 2)), tint.mean(axis=(1, 2)), edges], axis=1)


def find_position(cells: NDArray[np.bool_]) -> str:
    """The name of the place that these cells (rows, cols) fill; "" where none of :data:`POSITIONS` fits."""
    rows, cols = cells.shape
    if cells.mean() > 0.85 or not cells.any():
        return ""
    down, across = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(cols) + 0.5) / cols, indexing="ij")
    if _is_scattered(cells, down, across):
        return "scattered"
    for name, inside, core in _places(down, across):
        if core.any() and cells[core].mean() >= 0.6 and inside[cells].mean() >= 0.8:
            return name
    return ""


def _places(
    down: NDArray[np.float64], across: NDArray[np.float64]
) -> list[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """(name, where its cells should lie, what they should fill); the narrower places first."""
    left, top, middle = across < 0.5, down < 0.5, (abs(across - 0.5) < 0.32) & (abs(down - 0.5) < 0.32)
    near_x, near_y = abs(across - 0.5), abs(down - 0.5)
    places = []
    for vertical, high, far_y in (("top", top, down < 0.3), ("bottom", ~top, down > 0.7)):
        for side, low, far_x in (("left", left, across < 0.3), ("right", ~left, across > 0.7)):
            places.append((f"{vertical} {side}", low & high, far_x & far_y))
    places.append(("centre", middle, (near_x < 0.2) & (near_y < 0.2)))
    places += [("column", near_x < 0.3, near_x < 0.12), ("row", near_y < 0.3, near_y < 0.12)]
    places += [("left", across < 0.55, across < 0.3), ("right", across > 0.45, across > 0.7)]
    places += [("top", down < 0.55, down < 0.3), ("bottom", down > 0.45, down > 0.7)]
    edge = np.maximum(near_x, near_y) > 0.5 - 1.0 / min(down.shape)
    places.append(("border", ~((near_x < 0.18) & (near_y < 0.18)), edge))
    return places


def _is_scattered(cells: NDArray[np.bool_], down: NDArray[np.float64], across: NDArray[np.float64]) -> bool:
    from scipy import ndimage

    pieces, count = ndimage.label(cells)
    if count < 3 or min(cells.shape) < 4:
        return False
    largest = np.bincount(pieces.ravel())[1:].max() / cells.sum()
    return bool(largest < 0.5 and down[cells].std() > 0.18 and across[cells].std() > 0.18)


def find_adjectives(measures: NDArray[np.float32], quartiles: NDArray[np.float32], domain: str) -> tuple[str, ...]:
    """Adjectives for a part's mean measures (3,), given the concept's lower and upper quartiles (2, 3)."""
    return tuple(
        name for name, index, end in MEASURES[domain]
        if (measures[index] > quartiles[1, index] if end > 0 else measures[index] < quartiles[0, index])
    )  # fmt: skip


class Captioner:
    """Says a layout's parts in phrases, differently each time.

    Args:
        generator: of the choices.
        forget: probability that a part is not named, where another one is.
    """

    def __init__(self, generator: np.random.Generator, forget: float = 0.25) -> None:
        self.generator, self.forget = generator, forget

    def say(self, parts: Sequence[Part]) -> list[str]:
        """One phrase for each part that is named, in random order."""
        order = self.generator.permutation(len(parts))
        named = [parts[i] for i in order if self.generator.random() > self.forget] or [parts[order[0]]]
        return [self.phrase(part) for part in named]

    def phrase(self, part: Part) -> str:
        """Amount or position, adjective and concept, for example ``dark trees on the left``."""
        position = find_position(part.cells)
        words = self._pick(part.concept.words)
        if part.adjectives and self.generator.random() < 0.15:
            adjective = self._pick(ADJECTIVES[self._pick(part.adjectives)])
            words = f"{adjective} {words.removeprefix('a ').removeprefix('the ')}"
        if position and self.generator.random() < 0.85:
            if position in PLACES_AS_SUBJECTS and self.generator.random() < 0.15:
                return f"{self._pick(PLACES_AS_SUBJECTS[position])} {words}"
            where = self._pick(POSITIONS[position])
            return f"{where} {words}" if self.generator.random() < 0.2 else f"{words} {where}"
        share = float(part.cells.mean())
        said = next(forms for least, forms in SHARES if share >= least)
        return self._pick(said).format(words) if self.generator.random() < 0.6 else words

    def _pick(self, choices: Sequence[str]) -> str:
        return choices[int(self.generator.integers(len(choices)))]


def caption_words(concepts: Sequence[Concept]) -> frozenset[str]:
    """Every word that captions of these concepts can hold."""
    texts: list[str] = [word for concept in concepts for word in (concept.name, *concept.words)]
    tables: tuple[Mapping[str, tuple[str, ...]], ...] = (POSITIONS, PLACES_AS_SUBJECTS, ADJECTIVES)
    texts += [text for table in tables for forms in table.values() for text in forms]
    texts += [form.replace("{}", "") for _, forms in SHARES for form in forms]
    return frozenset(word for text in texts for word in text.lower().replace("-", " ").split())
