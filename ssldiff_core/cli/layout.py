"""``ssldiff layout``: annotations or a label mask as a grid to draw, with borders where they were drawn."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LayoutError, SettingsError
from ..geometry import GridGeometry, format_length, parse_pixel_size
from .arguments import Commands, add_parser, add_scene_options, checked_output, open_scene_as_asked, parse_region
from .console import Console
from .grids import checked_grid_output, read_grid_for

if TYPE_CHECKING:
    from ..layouts import Layout, Palette
    from ..layouts.annotations import Annotations
    from ..models.spec import ModelSpec

_DESCRIPTION = """\
Make a grid of annotations (GeoJSON, as QuPath exports them) or of a label mask (PNG, TIFF), whose borders stay where
they were drawn, finer than cells. Each class is painted with the swatch of its name; where names differ, say which
with --map. A class `A: B` is painted as `A` where there is no `A: B`; what is `Ignore*` is left to the model.

Large areas are laid down first, so that small ones within them are seen. Points, lines, detections and areas without
a class are left out and counted."""

_EXAMPLES = """\
  ssldiff layout annotations.geojson --model tissue --pixel-size 1um --source-pixel-size 0.25um -o grid.npz
  ssldiff layout annotations.geojson --model tissue --scene slide.svs --region 2000,4000,8192,8192 -o grid.npz
  ssldiff layout annotations.geojson --grid grid.npz --palette palette.npz --map 'Tumor=tumour cells' -o edited.npz
  ssldiff layout mask.png --model aerial --map 1=river --map '2=green field' --ground park -o grid.npz
  ssldiff layout annotations.geojson --model tissue -o grid.npz --labels labels.png --labels-geojson labels.geojson"""

MASKS = (".png", ".tif", ".tiff", ".bmp", ".gif")
MAX_CELLS = 512 * 512


def add_command(commands: Commands) -> None:
    """Add ``layout`` to the parser."""
    parser = add_parser(commands, "layout", "annotations or a label mask as a grid", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("source", type=Path, help="annotations (.geojson, .json) or a mask (.png, .tif)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="GRID", help=".npz, .h5 or .safetensors")
    parser.add_argument("--model", metavar="ID", help="which model will draw it: its palette, cells and pixel sizes")
    parser.add_argument("--palette", type=Path, metavar="PALETTE.npz", help="swatches, in place of the model's own")
    parser.add_argument("--grid", type=Path, help="a grid to draw on, in place of an empty canvas")
    group = parser.add_argument_group("where things lie")
    group.add_argument("--pixel-size", type=parse_pixel_size, metavar="SIZE", help="of the canvas; the palette's own")
    group.add_argument(
        "--source-pixel-size", type=parse_pixel_size, metavar="SIZE",
        help="of the annotations' or the mask's pixels; that of the scene or the canvas where not given",
    )  # fmt: skip
    group.add_argument("--region", type=parse_region, metavar="X,Y,W,H", help="what becomes the canvas; all by default")
    group.add_argument("--scene", type=Path, help="the scene that was annotated, for its pixel size and its frame")
    group.add_argument(
        "--frame", choices=("qupath", "level0"), default="qupath",
        help="what coordinates begin at: the part of the slide that holds an image, as QuPath (default), or the whole",
    )  # fmt: skip
    group = parser.add_argument_group("classes")
    group.add_argument("--map", action="append", default=[], metavar="CLASS=SWATCH", help="which swatch a class is")
    group.add_argument(
        "--ground", metavar="SWATCH", help="what lies where nothing is annotated; the model's choice else"
    )
    group.add_argument("--unclassified", metavar="SWATCH", help="what areas without a class are; left out else")
    group.add_argument("--mode", choices=("sample", "mean", "texture"), default="sample", help="of painting (sample)")
    group.add_argument("--seed", type=int, default=0, help="of painting (0)")
    group.add_argument(
        "--transition", type=float, metavar="PX", help="canvas pixels over which a class fades into the next (sharp)"
    )
    group = parser.add_argument_group("labels")
    group.add_argument("--labels", type=Path, metavar="FILE.png", help="also write the label map, pixel on pixel")
    group.add_argument("--labels-geojson", type=Path, metavar="FILE", help="also write it as GeoJSON")
    group.add_argument(
        "--labels-in", choices=("result", "source"), default="result", help="whose pixels the GeoJSON is in"
    )
    group.add_argument("--ignore", type=int, metavar="PX", help="band beside borders that the PNG says to ignore")
    add_scene_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``layout``."""
    from ..embeddings.grid_files import write_grid
    from ..layouts.annotations import draw_annotations

    checked_grid_output(arguments.output)
    for path, suffixes in ((arguments.labels, (".png",)), (arguments.labels_geojson, (".geojson", ".json"))):
        if path is not None:
            checked_output(path, *suffixes)
    spec, palette = _model_and_palette(arguments)
    annotations = _read_source(arguments.source)
    shift, scene_m = _frame_of(arguments)
    layout, source_m = _canvas(arguments, spec, palette, annotations, shift, scene_m)
    geometry = layout.base.geometry
    scale = geometry.scene_pixel_size_m / source_m  # source pixels along one of the scene's
    origin = ((geometry.origin_l0[0] - shift[0]) * scale, (geometry.origin_l0[1] - shift[1]) * scale)
    layout = draw_annotations(
        layout, annotations, origin_px=origin, cell_px=geometry.cell_l0 * scale, mapping=_mapping(arguments.map),
        unclassified=arguments.unclassified, mode=arguments.mode, seed=arguments.seed,
    )  # fmt: skip
    grid = layout.grid()
    if grid.regions is not None and arguments.transition is not None:
        width = arguments.transition / geometry.latent_factor
        grid = replace(grid, regions=replace(grid.regions, transition_lat=width))
    write_grid(grid, arguments.output)
    _write_labels(arguments, layout, origin, geometry.cell_l0 * scale)
    _report(arguments, console, layout, annotations)
    return 0


def _model_and_palette(arguments: argparse.Namespace) -> tuple[ModelSpec | None, Palette]:
    from ..layouts import Palette
    from ..models.catalogue import get_model_spec

    spec = None if arguments.model is None else get_model_spec(arguments.model)
    own = None if spec is None else spec.folder / "palette.npz"
    path = arguments.palette or (own if own is not None and own.is_file() else None)
    if path is None:
        raise LayoutError(
            "lay out annotations",
            "there is no palette",
            "classes are swatches",
            "Give --palette, or --model with its own",
        )
    return spec, Palette.load(path)


def _read_source(path: Path) -> Annotations:
    """Annotations, or a mask as annotations in its own pixels."""
    from ..export.label_map import LabelClass, label_geojson
    from ..layouts.annotations import annotations_from_geojson, read_annotations
    from ..layouts.masks import read_mask

    if path.suffix.lower() not in MASKS:
        return read_annotations(path)
    mask = read_mask(path)
    classes = [LabelClass(name, "#808080") for name in mask.names]
    found = annotations_from_geojson(label_geojson(mask.labels, classes, cell_px=1.0))
    return replace(found, extent=(0.0, 0.0, float(mask.labels.shape[1]), float(mask.labels.shape[0])))


def _frame_of(arguments: argparse.Namespace) -> tuple[tuple[float, float], float | None]:
    """Where coordinates begin, in level-0 pixels of the scene, and its pixel size."""
    if arguments.scene is None:
        return (0.0, 0.0), None
    with open_scene_as_asked(arguments.scene, arguments) as scene:
        at = scene.bounds_l0
        return ((at.x, at.y) if arguments.frame == "qupath" else (0.0, 0.0)), scene.pixel_size_m


def _canvas(
    arguments: argparse.Namespace, spec: ModelSpec | None, palette: Palette, annotations: Annotations,
    shift: tuple[float, float], scene_m: float | None,
) -> tuple[Layout, float]:  # fmt: skip
    """The layout to draw on, and the pixel size of the source."""
    from ..layouts import Layout, Paint, empty_layout

    if arguments.grid is not None:
        base = read_grid_for(arguments.grid, spec)
        return Layout(base, palette), arguments.source_pixel_size or scene_m or base.geometry.scene_pixel_size_m
    pixel_size_m = arguments.pixel_size or palette.pixel_size_m
    source_m = arguments.source_pixel_size or scene_m or pixel_size_m
    cell_px = 128 if spec is None else spec.cell_px
    cell = cell_px * pixel_size_m / source_m
    left, top, right, bottom = annotations.bounds
    if arguments.region is not None:
        region = arguments.region
        left, top, right, bottom = region.x, region.y, region.right, region.bottom
    rows, cols = (max(1, math.ceil((side - 0.1 * cell) / cell)) for side in (bottom - top, right - left))
    if rows * cols > MAX_CELLS:
        raise SettingsError(
            "lay out annotations", f"the canvas would be of {rows} × {cols} cells at {format_length(pixel_size_m)}",
            f"it has up to {MAX_CELLS}", "Give a smaller --region, or a coarser --pixel-size",
        )  # fmt: skip
    layout = empty_layout(rows, cols, palette, pixel_size_m=pixel_size_m, cell_px=cell_px)
    scene_pixel_m = scene_m or source_m
    scale = source_m / scene_pixel_m
    geometry = GridGeometry(
        (rows, cols), pixel_size_m, (left * scale + shift[0], top * scale + shift[1]), scene_pixel_m, cell_px,
        layout.base.geometry.latent_factor if spec is None else spec.latent_factor,
    )  # fmt: skip
    source = {"name": arguments.source.name}
    layout = Layout(replace(layout.base, geometry=geometry, source=source), palette)
    if arguments.ground is not None:
        every = tuple((row, col) for row in range(rows) for col in range(cols))
        layout = layout.apply(Paint(every, arguments.ground, mode=arguments.mode, seed=arguments.seed))
    return layout, source_m


def _mapping(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, swatch = text.rpartition("=")
        if not (equals and name and swatch):
            raise SettingsError(f"map {text!r}", "it is not CLASS=SWATCH", "", "For example --map 'Tumor=tumour cells'")
        found[name.strip()] = swatch.strip()
    return found


def _write_labels(
    arguments: argparse.Namespace, layout: Layout, origin_px: tuple[float, float], cell_source_px: float
) -> None:
    from ..export.label_map import IGNORE_PX, LabelClass, write_label_geojson, write_label_png

    if arguments.labels is None and arguments.labels_geojson is None:
        return
    assert layout.palette is not None, "it was painted with"
    classes = [LabelClass(swatch.name, swatch.colour) for swatch in layout.palette.swatches]
    per_cell = layout.base.geometry.cell_px
    labels = layout.fine_labels(per_cell)
    if arguments.labels is not None:
        ignore = IGNORE_PX if arguments.ignore is None else arguments.ignore
        write_label_png(arguments.labels, labels, classes, cell_px=1, ignore_px=ignore)
    if arguments.labels_geojson is not None:
        source = arguments.labels_in == "source"
        write_label_geojson(
            arguments.labels_geojson, labels, classes, cell_px=cell_source_px / per_cell if source else 1.0,
            origin_px=origin_px if source else (0.0, 0.0), smooth=1.0,
        )  # fmt: skip


def _report(arguments: argparse.Namespace, console: Console, layout: Layout, annotations: Annotations) -> None:
    unclassified = sum(not area.name for area in annotations.areas) if arguments.unclassified is None else 0
    left_out = {**annotations.left_out, **({"areas without a class": unclassified} if unclassified else {})}
    rows, cols = layout.base.shape_cell
    facts: dict[str, Any] = {
        "grid": str(arguments.output), "rows": rows, "cols": cols, "classes": list(annotations.names),
        "areas": len(annotations.areas) - unclassified, "left_out": left_out, "digest": layout.grid().digest,
    }  # fmt: skip
    said = f"{facts['areas']} areas of {len(annotations.names)} classes on {rows} × {cols} cells"
    missed = "".join(f"\nleft out: {count} {what}" for what, count in sorted(left_out.items()))
    console.report(f"{arguments.output}: {said}{missed}", facts)
