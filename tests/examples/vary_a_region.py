"""Vary a region of a slide: images of the same tissue, from near to it to only like it.

    python -m tests.examples.vary_a_region slide.tif --region 512,512,512,512 --pixel-size 1um -o varied

The grid of the region says what is where. A strength says how much of the region's own pixels is forgotten: 0.3 keeps
its shapes, 1 keeps the grid alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ssldiff_core as ssldiff
from ssldiff_core.geometry import parse_pixel_size


def vary(
    slide: Path, region: ssldiff.Box, pixel_size_m: float, folder: Path, *, encoder_id: str = "tissue-2",
    strengths: tuple[float, ...] = (0.4, 0.7, 1.0), steps: int = 20, seed: int = 1,
) -> list[Path]:  # fmt: skip
    """Write one image for each strength into a folder, and the region as it is; returns the images' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = ssldiff.load_patch_encoder(encoder_id)
    with ssldiff.open_scene(slide) as scene:
        for progress in ssldiff.embed_scene(scene, encoder, region_l0=region, pixel_size_m=pixel_size_m):
            print(f"{progress.done} of {progress.total} cells")
        grid = progress.grid
        assert grid is not None, "the last progress has the grid"
        height, width = grid.geometry.shape_px
        pixels = scene.read(grid.geometry.box_l0, size_px=(width, height))
    grid.save(folder / "grid.npz")
    written = []
    for number, strength in enumerate(strengths):
        reference = ssldiff.Reference(strength, image=pixels)
        *_, last = ssldiff.generate(grid, ssldiff.Settings(seed=seed + number, steps=steps), reference=reference)
        assert last.result is not None, "the last step has the result"
        path = folder / f"strength-{strength:g}.png"
        ssldiff.write_image(path, last.result.image, last.result.manifest, pixel_size_m=pixel_size_m)
        written.append(path)
    return written


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slide", type=Path)
    parser.add_argument("--region", default="512,512,512,512", help="x,y,width,height in level-0 pixels")
    parser.add_argument("--pixel-size", type=parse_pixel_size, default=1e-6)
    parser.add_argument("-o", "--output", type=Path, default=Path("varied"))
    arguments = parser.parse_args()
    box = ssldiff.Box(*(int(part) for part in arguments.region.split(",")))
    print(*vary(arguments.slide, box, arguments.pixel_size, arguments.output), sep="\n")


if __name__ == "__main__":
    main()
