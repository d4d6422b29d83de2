"""What a document knows of its scene and of each of its results; the pixels of both are files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SceneRef:
    """Which scene a document shows. ``pixel_size_m`` is what the file, or the user, says; None: not known yet."""

    id: str
    name: str
    version: str
    size_l0: tuple[int, int]
    pixel_size_m: float | None
    file_pixel_size_m: float | None
    warnings: tuple[str, ...] = ()
    attribution: str = ""
    magnification: str = ""
    digest: str = ""
    """Of the file (``ssldiff_core.scenes.identity``), by which a document finds its scene on another server."""
    size_bytes: int = 0


@dataclass(frozen=True)
class ResultRecord:
    """A generated image of a document; the image itself is a file beside it."""

    id: str
    scene_id: str
    scene_version: str
    name: str
    width: int
    height: int
    origin_l0: tuple[float, float]
    width_l0: float
    pixel_size_m: float
    model_id: str
    seed: int
    steps: int
    guidance_scale: float
    edits: int
    seconds: float
    created: float
    engine: str = "dense"
    strength: float = 1.0
    """How much of the reference was forgotten; 1: drawn from the grid alone."""
    appearance: str = ""
    """Whose colours it was given."""
    changed_cells: int = 0
    """How many cells were drawn again on an earlier result; 0: it was drawn whole."""
    goes_on: bool = False
    """Whether its run was kept, so that an edit costs only what it changes."""
    batch: str = ""
    """Images drawn by one wish have one batch."""
    fast: bool = False
    """Whether the model's student drew it."""
    mark: str = ""
    """What the user thinks of it: ``kept``, ``marked``, or nothing yet."""
