"""A blind test: pairs of a real and a generated patch of 256 px, judged from the pictures alone.

    python -m tests.benchmarks.blind sheets tissue --data DATA --work FOLDER -o SHEETS   draws the pairs, and the key
    python -m tests.benchmarks.blind score SHEETS LRRL…                                  one letter a pair: the real one

Both patches of a pair are of the same pixel size and of random test images; the generated one is drawn at the default
settings. The sheets show ten pairs each, left and right by chance; the key lies beside them, in ``key.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ssldiff_core import Settings, get_model_spec, load_model
from ssldiff_core.embeddings.encoder import load_patch_encoder
from ssldiff_core.training.data import load_images

from .models import Drawn, crops, draw

SIDE_PX, ON_A_SHEET, GAP_PX, LABEL_PX = 256, 10, 12, 18
SEED = 11


def window(image: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A random 256-px window."""
    row, col = (int(generator.integers(0, length - SIDE_PX + 1)) for length in image.shape[:2])
    return image[row : row + SIDE_PX, col : col + SIDE_PX]


def make_sheets(pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]], folder: Path) -> None:
    """``sheet-N.png`` with two pairs a row, and ``key.json`` with the side of the real patch of every pair."""
    generator = np.random.default_rng(SEED)
    real_left = generator.random(len(pairs)) < 0.5
    folder.mkdir(parents=True, exist_ok=True)
    width, height = 2 * (2 * SIDE_PX + GAP_PX), SIDE_PX + LABEL_PX + GAP_PX
    for first in range(0, len(pairs), ON_A_SHEET):
        sheet = Image.new("RGB", (width + 3 * GAP_PX, height * (ON_A_SHEET // 2)), "white")
        pen = ImageDraw.Draw(sheet)
        for index, (real, made) in enumerate(pairs[first : first + ON_A_SHEET]):
            left, top = index % 2 * (width // 2 + 2 * GAP_PX), index // 2 * height
            pen.text((left + 2, top + 3), f"{first + index + 1}", fill="black")
            both = (real, made) if real_left[first + index] else (made, real)
            for place, pixels in enumerate(both):
                sheet.paste(Image.fromarray(pixels), (left + place * (SIDE_PX + 4), top + LABEL_PX))
        sheet.save(folder / f"sheet-{first // ON_A_SHEET + 1}.png")
    (folder / "key.json").write_text(json.dumps("".join("L" if left else "R" for left in real_left)))


def random_pairs(
    drawn: list[Drawn], others: list[tuple[NDArray[np.uint8], float]], count: int
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Real patches of ``others`` and generated ones, of the same pixel size."""
    generator = np.random.default_rng(SEED)
    pairs = []
    for turn in range(count):
        if turn % len(drawn) == 0:
            order = generator.permutation(len(drawn))
        made = drawn[order[turn % len(drawn)]]
        fitting = [pixels for pixels, size in others if size == made.grid.geometry.pixel_size_m]
        pairs.append((window(fitting[int(generator.integers(len(fitting)))], generator), window(made.image, generator)))
    return pairs


def score(answers: str, key: str) -> dict[str, float]:
    """Share of the pairs in which the real patch was found, with the 95 % interval of Clopper and Pearson."""
    from scipy.stats import beta

    if len(answers) != len(key) or set(answers) - set("LR"):
        raise SystemExit(f"{len(answers)} answers for {len(key)} pairs: give one letter, L or R, for each")
    found, count = sum(a == b for a, b in zip(answers, key, strict=True)), len(key)
    low = float(beta.ppf(0.025, found, count - found + 1)) if found else 0.0
    high = float(beta.ppf(0.975, found + 1, count - found)) if found < count else 1.0
    return {"found": found / count, "low": low, "high": high, "pairs": float(count)}


def main() -> None:
    """Draw the sheets, or score the answers."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.blind", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    sheets = parts.add_parser("sheets")
    sheets.add_argument("domain")
    sheets.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with splits.csv")
    sheets.add_argument(
        "--work", type=Path, required=True, help="folder for drawn images, as of tests.benchmarks.models"
    )
    sheets.add_argument("--pairs", type=int, default=40)
    sheets.add_argument("--images", type=int, default=34, help="generated images to take them from (34)")
    sheets.add_argument("--fast", action="store_true", help="of the student's images")
    sheets.add_argument("-o", "--output", type=Path, required=True)
    scores = parts.add_parser("score")
    scores.add_argument("folder", type=Path)
    scores.add_argument("answers")
    arguments = parser.parse_args()
    if arguments.part == "score":
        print(score(arguments.answers, json.loads((arguments.folder / "key.json").read_text())))
        return
    test = load_images(arguments.data, arguments.domain, "test")
    model, encoder = load_model(arguments.domain), load_patch_encoder(get_model_spec(arguments.domain).folder)
    chosen = crops(test, arguments.images)
    drawn = draw(model, encoder, chosen, arguments.work / arguments.domain, Settings(student=arguments.fast))
    large = [d for d in drawn if min(d.image.shape[:2]) >= SIDE_PX]
    others = [crop for crop in crops(test, 4 * arguments.pairs, seed=5) if min(crop[0].shape[:2]) >= SIDE_PX]
    make_sheets(random_pairs(large, others, arguments.pairs), arguments.output)


if __name__ == "__main__":
    main()
