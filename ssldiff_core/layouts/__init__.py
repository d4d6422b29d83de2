"""What the user wants: palettes of swatches, edits as data, and the layout that turns them into a grid."""

from .apply import apply_edits
from .clustering import palette_from_grid, swatch_from_cells
from .edits import (
    Blend,
    Copy,
    Edit,
    Erase,
    EraseRegion,
    Fill,
    Paint,
    PaintRegion,
    Paste,
    Vary,
    edit_from_json,
    edit_to_json,
)
from .layout import Layout, empty_layout, label_map
from .mixing import mix_swatches, nearest_cells
from .palette import Palette
from .swatch import DEFAULT_COLOURS, Swatch, default_colour

__all__ = [
    "DEFAULT_COLOURS",
    "Blend",
    "Copy",
    "Edit",
    "Erase",
    "EraseRegion",
    "Fill",
    "Layout",
    "Paint",
    "PaintRegion",
    "Palette",
    "Paste",
    "Swatch",
    "Vary",
    "apply_edits",
    "default_colour",
    "edit_from_json",
    "edit_to_json",
    "empty_layout",
    "label_map",
    "mix_swatches",
    "nearest_cells",
    "palette_from_grid",
    "swatch_from_cells",
]
