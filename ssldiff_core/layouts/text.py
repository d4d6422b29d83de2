"""From a sentence to what a grid prior reads: its phrases, what it must not show, and words that nobody taught it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

MOST_CHARACTERS = 1000
MOST_PHRASES = 8
"""More parts than these cannot be told apart on a grid; those after are left out."""

_BREAKS = re.compile(r"[,;.!?\n]+|\b(?:and|with|while|but|plus|next to|beside|as well as)\b")
_SURROUNDED = re.compile(r"\b(?:surrounded|encircled|enclosed|ringed|framed) by\b")
_ABSENT = re.compile(r"^(?:no|without|not|except)\b\s*")


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


POSITION_WORDS = _word_set(
    "left right top bottom upper lower above below north south east west centre center middle edge edges border corner "
    "around sides side half part across vertically horizontally scattered patches islands dotted surrounding "
    "everywhere running through between elsewhere there"
)
FILLER_WORDS = _word_set(
    "a an the of on in at to it is are be there with and or from by some something else one two three few little many "
    "much hand towards toward only mostly mainly nothing all along down up over its this that picture image scene view "
    "aerial photo photograph showing shows show large small big very quite more less here lot lots"
)


class TextEncoder(Protocol):
    """What turns texts into vectors."""

    @property
    def id(self) -> str:
        """Names the space the vectors live in."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def digest(self) -> str:
        """sha256 (hex) of the weights."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) float32 of length 1."""


class GridPrior(Protocol):
    """What turns phrases into grids of embeddings."""

    @property
    def encoder_id(self) -> str:
        """The patch encoder whose space the grids live in."""

    @property
    def text_encoder_id(self) -> str:
        """The text encoder whose vectors it reads."""

    @property
    def pixel_sizes_m(self) -> tuple[float, ...]:
        """Pixel sizes it was trained at, metres, ascending."""

    @property
    def digest(self) -> str:
        """sha256 (hex) of its weights and description."""

    def sample(
        self, phrases: NDArray[np.float32], negative: NDArray[np.float32], shape_cell: tuple[int, int],
        pixel_size_m: float, seeds: Sequence[int], *, guidance_scale: float, steps: int,
        known: NDArray[np.float32] | None = None, known_valid: NDArray[np.bool_] | None = None,
        like_seed: int | None = None, watch: Callable[[int, int], None] = lambda done, total: None,
    ) -> NDArray[np.float32]:  # fmt: skip
        """One grid for each seed: (n, rows, cols, dim) float32 of length 1; known cells come back as they were."""


@dataclass(frozen=True)
class Vocabulary:
    """What a prior was taught to name.

    Args:
        concepts: name -> the words that captions used for it; the name is a class label too.
        labels: labels of data sets -> concept.
        words: every single word of the captions.
    """

    concepts: dict[str, tuple[str, ...]]
    labels: dict[str, str]
    words: frozenset[str]

    @property
    def content_words(self) -> frozenset[str]:
        """Words that name something, in singular and plural as captions have them."""
        texts = [text for words in self.concepts.values() for text in words]
        return frozenset(word for text in texts for word in split_words(text)) - FILLER_WORDS - POSITION_WORDS

    @property
    def joined(self) -> tuple[str, ...]:
        """Names that hold a word at which a sentence is otherwise broken (``trees and grass``), the longest first."""
        texts = {text for words in self.concepts.values() for text in words if _BREAKS.search(text)}
        return tuple(sorted(texts, key=len, reverse=True))

    def find_label(self, label: str) -> str:
        """The plainest caption word of a class.

        Raises:
            SettingsError: where there is no such class, with the classes there are.
        """
        wanted = label.strip().lower().replace("_", " ")
        names = {"".join(name.split()): name for name in self.concepts}
        labels = {name.replace("_", " "): concept for name, concept in self.labels.items()}
        found = labels.get(wanted) or names.get("".join(wanted.split()))
        found = found or next((name for name, words in self.concepts.items() if wanted in words), None)
        if found is None:
            raise SettingsError(
                f"draw the class {label!r}", "this model has none of that name", "",
                f"Its classes are {', '.join(self.concepts)}",
            )  # fmt: skip
        return self.concepts[found][0]

    def is_known(self, word: str) -> bool:
        """Whether captions held the word, or its singular or plural."""
        forms = {word, f"{word}s", f"{word}es", word.removesuffix("s"), word.removesuffix("es")}
        return bool(forms & (self.words | FILLER_WORDS | POSITION_WORDS)) or word.isdigit()


@dataclass(frozen=True)
class Prompt:
    """A text, read.

    Args:
        text: as it was typed.
        phrases: what to show, one part each.
        absent: what not to show.
        left_out: phrases beyond the most that are read.
    """

    text: str
    phrases: tuple[str, ...]
    absent: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def split_words(text: str) -> list[str]:
    """Lower-case words; apostrophes and hyphens part them."""
    return re.findall(r"[^\W\d_]+|\d+", text.lower())


def read_prompt(text: str, negative: str, vocabulary: Vocabulary) -> Prompt:
    """The phrases of a text and of its negative.

    A text is broken at commas, full stops, ``and``, ``with`` and the like; "X surrounded by Y" is X in the centre and Y
    around it; "no X" and "without X" go to what is not to be shown; a position that stands alone goes to its neighbour.

    Raises:
        SettingsError: where the text is empty, too long, has no letters, or came as bytes of another encoding.
    """
    for what, given in (("text", text), ("negative text", negative)):
        _check_characters(what, given)
    pieces = _pieces(text, vocabulary)
    absent = [_ABSENT.sub("", piece) for piece in pieces if _ABSENT.match(piece)]
    shown = _attach_positions([piece for piece in pieces if not _ABSENT.match(piece)])
    if not shown:
        found = "it is empty" if not text.strip() else "it names nothing to show"
        example = next(iter(vocabulary.concepts.values()), ("water",))[0]
        raise SettingsError(
            f"read the text {_short(text)!r}", found, "a text says what to show", f"For example {example!r}"
        )
    absent += _pieces(negative, vocabulary)
    return Prompt(text, tuple(shown[:MOST_PHRASES]), tuple(absent[:MOST_PHRASES]), tuple(shown[MOST_PHRASES:]))


def _check_characters(what: str, given: str) -> None:
    if len(given) > MOST_CHARACTERS:
        raise SettingsError(
            f"read a {what} of {len(given):,} characters", "that is more than a layout can follow",
            f"a {what} has at most {MOST_CHARACTERS:,}", "Say it in a sentence or two",
        )  # fmt: skip
    if re.search("[\ud800-\udfff]", given):  # what a shell's bytes become where they are not UTF-8
        raise SettingsError(f"read a {what}", "some of its bytes are no characters", f"a {what} is in UTF-8")


def _pieces(text: str, vocabulary: Vocabulary) -> list[str]:
    """The parts of a text between its breaks, in lower case, names that hold a break kept whole."""
    plain = " ".join(text.lower().replace("_", " ").split())
    for name in vocabulary.joined:
        plain = re.sub(rf"\b{re.escape(name)}\b", name.replace(" ", "_"), plain)
    plain = _SURROUNDED.sub(" in the centre, around it ", plain)
    pieces = [piece.replace("_", " ") for piece in _BREAKS.split(plain)]
    cleaned = [" ".join(piece.split()) for piece in pieces]
    return [piece for piece in cleaned if re.search(r"[^\W\d_]", piece)]


def _attach_positions(pieces: list[str]) -> list[str]:
    """Pieces that only say where go to the piece that says what: the one before where it has no place yet."""
    attached: list[str] = []
    waiting = ""
    for piece in pieces:
        words = set(split_words(piece))
        if words <= FILLER_WORDS | POSITION_WORDS:
            if words & POSITION_WORDS and attached and not set(split_words(attached[-1])) & POSITION_WORDS:
                attached[-1] += f" {piece}"
            elif words & POSITION_WORDS:
                waiting = f"{piece} "
            continue
        attached.append(waiting + piece)
        waiting = ""
    return attached


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
