"""How a sentence is read: phrases, positions, what is absent, and mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.errors import SettingsError
from ssldiff_core.layouts.text import MOST_PHRASES, Vocabulary, read_prompt
from ssldiff_core.layouts.understanding import check_understood, find_unknown_words

WORDS = Vocabulary(
    {"river": ("river", "water and banks"), "houses": ("houses", "a suburb"), "sand": ("sand", "beach")},
    {"mediumresidential": "houses"},
    frozenset({"river", "water", "and", "banks", "houses", "a", "suburb", "sand", "beach", "dark", "mostly"}),
)


class LetterEncoder:
    """Texts that share letters are near each other: a real encoder of a tiny kind."""

    id, dim, digest = "letters", 26, "0" * 64

    def encode(self, texts):
        counts = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-6)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Houses on the left, a RIVER.", ["houses on the left", "a river"]),
        ("houses and sand with a river", ["houses", "sand", "a river"]),
        ("water and banks on the left", ["water and banks on the left"]),
        ("sand surrounded by houses", ["sand in the centre", "around it houses"]),
        ("on the left, sand; to the right, houses", ["on the left sand", "to the right houses"]),
        ("sand, on the left", ["sand on the left"]),
        ("a river\tthrough the   middle", ["a river through the middle"]),
    ],
)
def test_a_text_is_broken_into_parts_that_each_say_what_and_where(text, phrases) -> None:
    assert list(read_prompt(text, "", WORDS).phrases) == phrases


def test_what_is_denied_is_led_away_from() -> None:
    prompt = read_prompt("houses, no sand, without a river", "dark beach", WORDS)
    assert prompt.phrases == ("houses",)
    assert prompt.absent == ("sand", "a river", "dark beach")


@pytest.mark.parametrize("text", ["", "   ", "!?", "12, 34", "on the left", "no sand", "x" * 10_000])
def test_a_text_that_shows_nothing_or_too_much_is_refused(text) -> None:
    with pytest.raises(SettingsError):
        read_prompt(text, "", WORDS)


def test_parts_beyond_the_most_are_named() -> None:
    prompt = read_prompt(", ".join(["sand"] * (MOST_PHRASES + 2)), "", WORDS)
    assert len(prompt.phrases) == MOST_PHRASES
    notes = check_understood(prompt, WORDS, LetterEncoder(), "tests")
    assert "left out: sand; sand" in notes[0]


def test_unknown_words_are_named_once_with_the_nearest_known() -> None:
    found = find_unknown_words(["a beech on the left", "beech"], WORDS, LetterEncoder())
    assert [(word.word, word.nearest) for word in found] == [("beech", "beach")]


def test_singular_and_plural_are_the_same_word() -> None:
    assert all(WORDS.is_known(word) for word in ("house", "rivers", "suburbs", "left"))
    assert not WORDS.is_known("cat")


def test_a_text_of_another_domain_is_refused_with_what_is_known() -> None:
    with pytest.raises(SettingsError, match="river, houses, sand"):
        check_understood(read_prompt("qqqq zzzz", "", WORDS), WORDS, LetterEncoder(), "tests")


def test_a_label_is_found_by_its_name_in_the_data_by_concept_and_by_word() -> None:
    assert [WORDS.find_label(x) for x in ("mediumresidential", "Sand", "a suburb")] == ["houses", "sand", "houses"]
    with pytest.raises(SettingsError, match="river, houses, sand"):
        WORDS.find_label("forest")


def test_a_known_adjective_among_unknown_words_names_nothing() -> None:
    with pytest.raises(SettingsError, match="nothing of it is known"):
        check_understood(read_prompt("dark xyzzy quux", "", WORDS), WORDS, LetterEncoder(), "tests")
    words = Vocabulary({"sand": ("pale sand",)}, {}, frozenset({"pale", "sand"}))
    with pytest.raises(SettingsError, match="nothing of it is known"):
        check_understood(read_prompt("pale xyzzy quux", "", words), words, LetterEncoder(), "tests")
    assert check_understood(read_prompt("pale sand", "", words), words, LetterEncoder(), "tests") == []


def test_a_whole_known_name_is_understood_among_any_number_of_unknown_words() -> None:
    notes = check_understood(read_prompt("xyzzy quux zork of river", "", WORDS), WORDS, LetterEncoder(), "tests")
    assert [note.split()[0] for note in notes] == ["'xyzzy'", "'quux'", "'zork'"]
