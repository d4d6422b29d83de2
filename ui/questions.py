"""What the app must ask before it goes on: a result drawn from a grid unlike the training set may mislead."""

from __future__ import annotations

from ssldiff_core.errors import SettingsError

from .documents import Document


class NeedsAnswer(SettingsError):
    """The user has to say yes first; the page asks."""


def require_answer(document: Document) -> None:
    """Refuse to go on while a question is open.

    Raises:
        NeedsAnswer: where the grid is unlike what the model was trained on and the user did not accept it.
    """
    if document.asks:
        raise NeedsAnswer(
            "generate from this grid", document.asks, "the app asks before it draws from such a grid",
            "Use it anyway, or read another region, pixel size or model",
        )  # fmt: skip
