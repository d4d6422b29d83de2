"""Edits: small frozen records of what a user did to a grid. An edit is data; ``apply.py`` is the only interpreter.

Cells are (row, col). A ``swatch`` is a name or, once an edit is applied to a layout, the id, which a new name does not
move. A seed is any whole number: a cell draws by (seed, row, col), whatever the order of edits and cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from ..errors import LayoutError
from .shapes import Polygon, Ring, checked_lines, checked_polygons

Cells = tuple[tuple[int, int], ...]
Mode = Literal["sample", "mean", "texture"]
MODES: tuple[str, ...] = get_args(Mode)

_VERSION = 1


@dataclass(frozen=True)
class Paint:
    """Give cells a swatch: each its own exemplar (``sample``), all the mean, or a contiguous piece (``texture``).

    ``strength`` in (0, 1] blends from what is there along the sphere; an erased cell takes the swatch entirely.
    """

    cells: Cells
    swatch: str
    mode: Mode = "sample"
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_cells(self)
        _check_stroke(self)


@dataclass(frozen=True)
class Blend:
    """Move cells toward a swatch: a :class:`Paint` whose point is the strength; by default toward the mean."""

    cells: Cells
    swatch: str
    strength: float = 0.5
    mode: Mode = "mean"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_cells(self)
        _check_stroke(self)


@dataclass(frozen=True)
class Fill:
    """Paint the contiguous cells that have the label of ``start``.

    ``cells`` are what the flood found; left empty, ``Layout.apply`` finds them and stores them, so that a replay does
    not depend on labels.
    """

    start: tuple[int, int]
    swatch: str
    mode: Mode = "sample"
    strength: float = 1.0
    seed: int = 0
    cells: Cells = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _whole_numbers(self.start, 2, "Fill", "start"))
        _check_cells(self, may_be_empty=True)
        _check_stroke(self)


@dataclass(frozen=True)
class Copy:
    """Copy the block ``source`` = (row, col, rows, cols) so that its top-left cell comes to ``target`` = (row, col).

    What lies outside the grid, at either place, is left out. Validity is copied too.
    """

    source: tuple[int, int, int, int]
    target: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", _whole_numbers(self.source, 4, "Copy", "source"))
        object.__setattr__(self, "target", _whole_numbers(self.target, 2, "Copy", "target"))
        if min(self.source[2:]) < 1:
            raise LayoutError("copy cells", f"the block is {self.source[2]} × {self.source[3]}", "a block is not empty")


@dataclass(frozen=True)
class Erase:
    """Make cells invalid: they are drawn under the null condition."""

    cells: Cells

    def __post_init__(self) -> None:
        _check_cells(self)


@dataclass(frozen=True)
class Vary:
    """Replace each valid cell by a relative of it; ``amount`` in (0, 1], 0 would leave it as it is.

    The relative lies toward an exemplar of the cell's swatch (the one it was painted with, else the nearest), or toward
    a neighbour where there is no palette; a little spherical noise is added. ``swatches`` are the ids to choose the
    nearest from; left empty, ``Layout.apply`` stores those of its palette.
    """

    cells: Cells
    amount: float = 0.3
    seed: int = 0
    swatches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_cells(self)
        _check_share(self, "amount")
        object.__setattr__(self, "seed", _whole_numbers((self.seed,), 1, "Vary", "seed")[0])
        object.__setattr__(self, "swatches", tuple(self.swatches))
        if not all(isinstance(key, str) for key in self.swatches):
            raise LayoutError("make a Vary", f"its swatches are {self.swatches}", "a swatch is given by its id")


@dataclass(frozen=True)
class Paste:
    """Put embeddings that were copied, here or in another layout, where the cells are.

    ``block`` is the id of a swatch that the palette keeps out of sight (:meth:`Palette.keep`): its texture is the
    block, whose top-left cell comes to ``target``. ``kinds``, one for each of the sorted ``cells``, are the ids of the
    swatches that these were painted with, empty for none; left out altogether, cells are of their nearest swatch.
    """

    cells: Cells
    block: str
    target: tuple[int, int]
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_cells(self)
        object.__setattr__(self, "target", _whole_numbers(self.target, 2, "Paste", "target"))
        object.__setattr__(self, "kinds", tuple(self.kinds))
        if not isinstance(self.block, str) or not self.block:
            raise LayoutError("make a Paste", f"its block is {self.block!r}", "a block is given by its id")
        if not all(isinstance(kind, str) for kind in self.kinds) or len(self.kinds) not in (0, len(self.cells)):
            raise LayoutError(
                "make a Paste",
                f"it has {len(self.kinds)} kinds for {len(self.cells)} cells",
                "each cell has one, or none",
            )


@dataclass(frozen=True)
class PaintRegion:
    """Give a swatch to what lies inside shapes, however they run through cells: their outline becomes a border.

    Shapes are in cells, x to the right and y down, the cell (row, col) from (col, row) to (col + 1, row + 1). Each
    cell that they touch gets a vector of the swatch, beside those of what else lies in it. Shapes of one swatch are
    one region, without borders where they meet.

    Args:
        swatch: name or id.
        polygons: each a list of rings, the outer one first, then holes.
        lines: strokes of a round brush.
        width_cell: of that brush, in cells.
        mode, seed: as for :class:`Paint`.
    """

    swatch: str
    polygons: tuple[Polygon, ...] = ()
    lines: tuple[Ring, ...] = ()
    width_cell: float = 0.0
    mode: Mode = "sample"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_drawn(self)


@dataclass(frozen=True)
class EraseRegion:
    """Leave to the model what lies inside shapes; as :class:`PaintRegion`."""

    polygons: tuple[Polygon, ...] = ()
    lines: tuple[Ring, ...] = ()
    width_cell: float = 0.0

    def __post_init__(self) -> None:
        _check_shapes(self)


Edit = Paint | Blend | Fill | Copy | Erase | Vary | Paste | PaintRegion | EraseRegion
Stroke = Paint | Blend | Fill
"""The edits that bring a swatch."""

_KINDS: dict[str, type[Edit]] = {kind.__name__.lower(): kind for kind in get_args(Edit)}


def edit_to_json(edit: Edit) -> dict[str, Any]:
    """A JSON-able dictionary with the kind, the format's version and the fields."""
    return {"kind": type(edit).__name__.lower(), "version": _VERSION, **_listed(asdict(edit))}


def edit_from_json(data: Mapping[str, Any]) -> Edit:
    """The edit that :func:`edit_to_json` wrote.

    Raises:
        LayoutError: where the kind, the version or a field is not known or breaks a rule.
    """
    if not isinstance(data, Mapping):
        raise LayoutError("read an edit", f"it is {type(data).__name__}", "an edit is an object with kind and version")
    kind, version = data.get("kind"), data.get("version")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise LayoutError("read an edit", f"its kind is {kind!r}", f"an edit is one of {', '.join(_KINDS)}")
    if version != _VERSION:
        raise LayoutError(f"read the edit {kind!r}", f"its version is {version!r}", f"this reads version {_VERSION}")
    values = {name: value for name, value in data.items() if name not in ("kind", "version")}
    known = {field.name for field in fields(_KINDS[kind])}
    if not values.keys() <= known:
        strange = sorted(values.keys() - known)
        raise LayoutError(f"read the edit {kind!r}", f"it has the fields {strange}", f"its fields are {sorted(known)}")
    try:
        return _KINDS[kind](**values)
    except TypeError as error:
        raise LayoutError(f"read the edit {kind!r}", f"a field is missing or malformed: {error}") from error


def _listed(value: Any) -> Any:
    """Tuples as lists, as JSON gives them back."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def _whole_numbers(values: Any, n: int, kind: str, what: str) -> tuple[int, ...]:
    try:
        numbers = tuple(values)
        whole = tuple(int(number) for number in numbers)
    except (TypeError, ValueError, OverflowError):
        numbers, whole = (), ()
    if len(whole) != n or any(a != b for a, b in zip(numbers, whole, strict=True)):
        raise LayoutError(f"make a {kind}", f"its {what} is {values!r}", f"a {what} is of whole numbers ({n})")
    return whole


def _check_cells(edit: Any, *, may_be_empty: bool = False) -> None:
    """Cells become sorted, distinct pairs of ints."""
    kind = type(edit).__name__
    if not isinstance(edit.cells, Iterable):
        raise LayoutError(f"make a {kind}", f"its cells are {edit.cells!r}", "cells are (row, col) pairs")
    cells = tuple(sorted({_whole_numbers(cell, 2, kind, "cell") for cell in edit.cells}))
    if not cells and not may_be_empty:
        raise LayoutError(f"make a {kind}", "it names no cell", "an edit changes at least one cell")
    object.__setattr__(edit, "cells", cells)


def _check_stroke(edit: Any) -> None:
    _check_drawn(edit)
    _check_share(edit, "strength")


def _check_drawn(edit: Any) -> None:
    kind = type(edit).__name__
    if not isinstance(edit.swatch, str) or not edit.swatch:
        raise LayoutError(f"make a {kind}", f"its swatch is {edit.swatch!r}", "a swatch is given by its name or id")
    if edit.mode not in MODES:
        raise LayoutError(f"make a {kind}", f"its mode is {edit.mode!r}", f"a mode is one of {', '.join(MODES)}")
    object.__setattr__(edit, "seed", _whole_numbers((edit.seed,), 1, kind, "seed")[0])


def _check_shapes(edit: Any) -> None:
    kind, width = type(edit).__name__, edit.width_cell
    object.__setattr__(edit, "polygons", checked_polygons(edit.polygons, kind))
    object.__setattr__(edit, "lines", checked_lines(edit.lines, kind))
    if not edit.polygons and not edit.lines:
        raise LayoutError(f"make a {kind}", "it has no shape", "it has a polygon or a line")
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 <= width < 1e4:
        raise LayoutError(f"make a {kind}", f"its brush is {width!r} cells wide", "a width is a number from 0")
    if edit.lines and not width:
        raise LayoutError(f"make a {kind}", "its brush has no width", "a line is drawn by a brush", "For example 0.5")
    object.__setattr__(edit, "width_cell", float(width))


def _check_share(edit: Any, name: str) -> None:
    value = getattr(edit, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise LayoutError(
            f"make a {type(edit).__name__}", f"its {name} is {value!r}", f"a {name} lies above 0 and up to 1",
            f"The nearest is {1 if isinstance(value, int | float) and value > 1 else 0.01}",
        )  # fmt: skip
    object.__setattr__(edit, name, float(value))
