"""Appearance apart from structure: the colours of one image given to the shapes of another.

Tissue is matched in optical density (its stains), aerial images by the statistics of their bands; a grid can be moved
too, so that the model itself draws the other appearance.
"""

from .bands import BandAppearance
from .choosing import Appearance, appearance_from_json, measure_appearance
from .moving import move_grid, read_cells
from .stains import StainAppearance

__all__ = [
    "Appearance",
    "BandAppearance",
    "StainAppearance",
    "appearance_from_json",
    "measure_appearance",
    "move_grid",
    "read_cells",
]
