"""Paint a layout from nothing, draw it, and write the image with labels for training a segmenter.

    python -m tests.examples.paint_a_layout tissue --rows 6 --cols 8 -o painted

The labels lie pixel on pixel: 0 is nothing, 1 and more are the palette's swatches, 255 a band along borders where
nobody can say.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ssldiff_core as ssldiff
from ssldiff_core.export.label_map import IGNORE_PX, LabelClass, write_label_geojson, write_label_png
from ssldiff_core.layouts import empty_layout


def paint(model_id: str, rows: int, cols: int, folder: Path, *, steps: int = 20, seed: int = 1) -> tuple[Path, Path]:
    """Write the image and its labels into a folder; returns the paths of both."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = ssldiff.get_model_spec(model_id)
    palette = ssldiff.Palette.load(spec.folder / "palette.npz")
    ground, figure, *_ = palette.names
    layout = empty_layout(rows, cols, palette, swatch=ground, seed=seed)
    island = tuple((row, col) for row in range(rows // 4, rows - rows // 4) for col in range(cols // 4, cols // 2))
    layout = layout.apply(ssldiff.Paint(island, figure, seed=seed))

    *_, last = ssldiff.generate(layout, ssldiff.Settings(seed=seed, steps=steps))
    assert last.result is not None, "the last step has the result"
    geometry = last.result.geometry
    image = ssldiff.write_image(
        folder / "image.ome.tif", last.result.image, last.result.manifest, pixel_size_m=geometry.pixel_size_m
    )
    classes = [LabelClass(swatch.name, swatch.colour) for swatch in palette.swatches]
    labels = layout.labels()
    mask = write_label_png(folder / "labels.png", labels, classes, cell_px=geometry.cell_px, ignore_px=IGNORE_PX)
    write_label_geojson(folder / "labels.geojson", labels, classes, cell_px=geometry.cell_px)
    return image, mask


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="tissue")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--cols", type=int, default=8)
    parser.add_argument("-o", "--output", type=Path, default=Path("painted"))
    arguments = parser.parse_args()
    print(*paint(arguments.model, arguments.rows, arguments.cols, arguments.output), sep="\n")


if __name__ == "__main__":
    main()
