"""Where the shipped weights and demo scenes lie: ``assets/`` in the tree, ``_assets`` inside an installed package."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def assets_path(*parts: str) -> Path:
    """The path of a shipped file, e.g. ``assets_path("models", "tissue", "encoder.json")``.

    The file itself may be missing; the folder above it is the one that this installation reads.
    """
    inside = _PACKAGE / "_assets"
    root = inside if inside.is_dir() else _PACKAGE.parent / "assets"
    return root.joinpath(*parts)


def own_models_folder() -> Path | None:
    """The folder with models and encoders of one's own that ``SSLDIFF_MODELS_DIR`` names, or None."""
    own = os.environ.get("SSLDIFF_MODELS_DIR")
    return Path(own) if own else None
