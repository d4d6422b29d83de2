"""Boxes, cells and every conversion between coordinate frames; no other module converts.

Frames are named by suffix: ``_l0`` level-0 pixels of a scene, ``_px`` pixels of the canvas (at the grid's pixel size),
``_lat`` latents of the canvas, ``_cell`` cells of the grid. Boxes are ``(x, y, width, height)``; arrays
``(row, col)``.
Pixel edges lie on whole numbers: pixel 0 covers [0, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import GridError, SettingsError

CELL_PX = 128
"""Side of a native cell in canvas pixels: the patch that one embedding describes."""

LATENT_FACTOR = 8
"""Canvas pixels along the side of one latent (native autoencoder)."""


@dataclass(frozen=True)
class Box:
    """A half-open rectangle ``[x, x + width) × [y, y + height)`` in the frame that the variable's name tells."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (self.x, self.y, self.width, self.height)):
            raise SettingsError("use a box", f"{self.as_tuple()} is not finite", "x, y, width and height are numbers")
        if self.width <= 0 or self.height <= 0:
            raise SettingsError(
                "use a region", f"its width × height is {self.width:g} × {self.height:g}", "a region is not empty",
                "Give a width and a height above 0",
            )  # fmt: skip

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def as_tuple(self) -> tuple[float, float, float, float]:
        return (self.x, self.y, self.width, self.height)

    def intersection(self, other: Box) -> Box | None:
        """The overlap of two boxes of the same frame, or None where there is none."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Box(x, y, right - x, bottom - y) if right > x and bottom > y else None

    def scaled(self, factor: float) -> Box:
        """The same rectangle in a frame whose unit is ``1 / factor`` of this one's."""
        return Box(self.x * factor, self.y * factor, self.width * factor, self.height * factor)

    @classmethod
    def parse(cls, text: str) -> Box:
        """``"x,y,width,height"`` as on the command line."""
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError:
            raise SettingsError(
                f"use the region {text!r}", "it is not four numbers", "a region is x,y,width,height in level-0 pixels",
                "For example 0,0,2048,1024",
            ) from None  # fmt: skip
        return cls(x, y, width, height)


@dataclass(frozen=True)
class GridGeometry:
    """Where the cells of a grid lie, in the scene and on the canvas.

    Args:
        shape_cell: (rows, cols).
        pixel_size_m: metres along one canvas pixel.
        origin_l0: (x, y) of the grid's top-left corner in level-0 pixels of the scene it was read from.
        scene_pixel_size_m: metres along one level-0 pixel; equal to ``pixel_size_m`` for a grid without a scene.
        cell_px: side of a cell in canvas pixels.
        latent_factor: canvas pixels along one latent.
    """

    shape_cell: tuple[int, int]
    pixel_size_m: float
    origin_l0: tuple[float, float] = (0.0, 0.0)
    scene_pixel_size_m: float = 0.0
    cell_px: int = CELL_PX
    latent_factor: int = LATENT_FACTOR

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "shape_cell", (int(self.shape_cell[0]), int(self.shape_cell[1])))
            object.__setattr__(self, "origin_l0", (float(self.origin_l0[0]), float(self.origin_l0[1])))
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            found = f"its shape is {self.shape_cell!r} and its origin {self.origin_l0!r}"
            raise GridError("make a grid", found, "each is two numbers") from error
        if self.scene_pixel_size_m == 0.0:
            object.__setattr__(self, "scene_pixel_size_m", self.pixel_size_m)
        if min(self.shape_cell) < 1:
            raise GridError("make a grid", f"its shape is {self.shape_cell}", "a grid has one row and column or more")
        for name in ("pixel_size_m", "scene_pixel_size_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise GridError("make a grid", f"{name} is {value}", "a pixel size is a length in metres above 0")
        if min(self.cell_px, self.latent_factor) < 1 or self.cell_px % self.latent_factor:
            raise GridError(
                "make a grid", f"a cell is {self.cell_px} px and a latent {self.latent_factor} px",
                "a cell is a whole number of latents",
            )  # fmt: skip

    @property
    def rows(self) -> int:
        return self.shape_cell[0]

    @property
    def cols(self) -> int:
        return self.shape_cell[1]

    @property
    def cell_lat(self) -> int:
        """Latents along the side of a cell."""
        return self.cell_px // self.latent_factor

    @property
    def shape_px(self) -> tuple[int, int]:
        """(height, width) of the canvas in pixels."""
        return (self.rows * self.cell_px, self.cols * self.cell_px)

    @property
    def shape_lat(self) -> tuple[int, int]:
        """(height, width) of the canvas in latents."""
        return (self.rows * self.cell_lat, self.cols * self.cell_lat)

    @property
    def l0_per_px(self) -> float:
        """Level-0 pixels along one canvas pixel."""
        return self.pixel_size_m / self.scene_pixel_size_m

    @property
    def cell_l0(self) -> float:
        """Side of a cell in level-0 pixels."""
        return self.cell_px * self.l0_per_px

    @property
    def box_l0(self) -> Box:
        """The whole grid in the scene."""
        return self.cells_to_l0(0, 0, self.rows, self.cols)

    def cells_to_l0(self, row: int, col: int, rows: int = 1, cols: int = 1) -> Box:
        """Level-0 box of a block of cells."""
        x, y = self.origin_l0
        return Box(x + col * self.cell_l0, y + row * self.cell_l0, cols * self.cell_l0, rows * self.cell_l0)

    def cells_to_px(self, row: int, col: int, rows: int = 1, cols: int = 1) -> Box:
        """Canvas box of a block of cells, in pixels."""
        return Box(col * self.cell_px, row * self.cell_px, cols * self.cell_px, rows * self.cell_px)

    def lat_to_cell(self, position_lat: float) -> float:
        """Cell coordinate (cell centres at whole numbers) of the latent whose top or left edge is ``position_lat``.

        Latent ``i`` covers [i, i + 1); its centre is i + 0.5; the centre of cell ``k`` is (k + 0.5) cells.
        """
        return (position_lat + 0.5) / self.cell_lat - 0.5

    def l0_to_cell(self, x_l0: float, y_l0: float) -> tuple[int, int]:
        """(row, col) of the cell that holds a level-0 point; may lie outside the grid."""
        return (
            math.floor((y_l0 - self.origin_l0[1]) / self.cell_l0),
            math.floor((x_l0 - self.origin_l0[0]) / self.cell_l0),
        )

    def px_to_l0(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Level-0 (x, y) of a canvas point."""
        return (self.origin_l0[0] + x_px * self.l0_per_px, self.origin_l0[1] + y_px * self.l0_per_px)

    def with_shape(self, rows: int, cols: int) -> GridGeometry:
        """The same lattice with another number of cells."""
        return GridGeometry(
            (rows, cols), self.pixel_size_m, self.origin_l0, self.scene_pixel_size_m, self.cell_px, self.latent_factor
        )

    @classmethod
    def covering(
        cls, box_l0: Box, *, pixel_size_m: float, scene_pixel_size_m: float, cell_px: int = CELL_PX,
        latent_factor: int = LATENT_FACTOR,
    ) -> GridGeometry:  # fmt: skip
        """The grid of cells from the box's top-left corner; a last row or column may overhang it by a tenth of a cell.

        Raises:
            GridError: where not one cell fits.
        """
        cell_l0 = cell_px * pixel_size_m / scene_pixel_size_m
        rows, cols = (int((side + 0.1 * cell_l0) // cell_l0) for side in (box_l0.height, box_l0.width))
        if rows < 1 or cols < 1:
            raise GridError(
                f"lay a grid over a region of {box_l0.width:g} × {box_l0.height:g} level-0 pixels",
                f"one cell is {cell_l0:.0f} level-0 pixels wide at a pixel size of {pixel_size_m:g} m",
                "a grid has at least one cell",
                f"Choose a region of at least {math.ceil(cell_l0)} pixels a side, or a finer pixel size",
            )  # fmt: skip
        return cls((rows, cols), pixel_size_m, (box_l0.x, box_l0.y), scene_pixel_size_m, cell_px, latent_factor)


def format_length(metres: float) -> str:
    """A length for people: ``0.5 µm``, ``30 cm``, ``1.2 km``."""
    for factor, unit in ((1e3, "km"), (1.0, "m"), (1e-2, "cm"), (1e-3, "mm"), (1e-6, "µm")):
        if metres >= factor * (1.0 if unit != "cm" else 5.0):
            return f"{metres / factor:.3g} {unit}"
    return f"{metres * 1e6:.3g} µm"


def parse_pixel_size(text: str) -> float:
    """``"0.5um"``, ``"0.5 µm"``, ``"0.3m"``, ``"30cm"`` or plain metres (``"5e-7"``) -> metres.

    Raises:
        SettingsError: where the text is no length above 0.
    """
    units = {"um": 1e-6, "µm": 1e-6, "μm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "": 1.0}
    stripped = text.strip().lower()
    number = stripped.rstrip("abcdefghijklmnopqrstuvwxyzµμ ")
    try:
        value = float(number) * units[stripped[len(number) :].strip()]
    except (ValueError, KeyError):
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(
            f"use the pixel size {text!r}", "it is no length", "a pixel size is a number with a unit, µm or m",
            "For example 0.5um, 0.3m or 30cm",
        ) from None  # fmt: skip
    return value
