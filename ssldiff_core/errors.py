"""The errors a user can meet. Each says what was asked, what was found, the rule, and the remedy.

Errors are raised at the boundary where a mistake enters (a file, an option, a value from the page). Everything that is
not an :class:`SSLDiffError` is a bug of ours.
"""

from __future__ import annotations


class SSLDiffError(Exception):
    """A mistake in what was asked, told so that it can be put right.

    Args:
        asked: what the user wanted, e.g. ``"open slide.svs as a scene"``.
        found: what was there instead, e.g. ``"the file is 12 bytes of text"``.
        rule: the rule that it breaks, e.g. ``"a scene is an image file"``. May be empty.
        remedy: what to do, with the nearest valid value where there is one. May be empty.
    """

    def __init__(self, asked: str, found: str, rule: str = "", remedy: str = "") -> None:
        self.asked, self.found, self.rule, self.remedy = asked, found, rule, remedy
        parts = (f"Asked to {asked}", f"but {found}") if asked else (found,)
        sentences = [", ".join(parts), rule, remedy]
        super().__init__(" ".join(s[0].upper() + s[1:].rstrip(".") + "." for s in sentences if s))

    def __reduce__(self) -> tuple[object, ...]:
        """Errors of worker processes reach the one who asked as they are."""
        return (_restore, (type(self), self.args, dict(self.__dict__)))


def _restore(kind: type[SSLDiffError], args: tuple[object, ...], facts: dict[str, str]) -> SSLDiffError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error


class SceneError(SSLDiffError):
    """A scene file cannot be opened or read as asked."""


class GridError(SSLDiffError):
    """An embedding grid is malformed, or does not fit the model, encoder or place it was given to."""


class LayoutError(SSLDiffError):
    """An edit, palette or layout is malformed or does not fit its grid."""


class ModelError(SSLDiffError):
    """Model weights are missing, broken, or of another kind than asked for."""


class SettingsError(SSLDiffError):
    """A setting lies outside its range."""


class ExportError(SSLDiffError):
    """A result cannot be written where or how it was asked."""


class ManifestError(SSLDiffError):
    """A manifest cannot be read, or the image it describes cannot be made again here."""


class Cancelled(SSLDiffError):
    """The user stopped the work; nothing is wrong."""

    def __init__(self, what: str = "the work") -> None:
        super().__init__("", f"{what} was cancelled")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a machine or its accelerator ran out of memory, as Python, CUDA or torch's allocator on a CPU say it."""
    named = type(error).__name__ == "OutOfMemoryError"  # torch's own, which is not imported for this
    return isinstance(error, MemoryError) or named or "can't allocate memory" in str(error)
