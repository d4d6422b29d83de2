"""Describe a scene in words, and draw it.

    python -m tests.examples.describe_a_scene "houses along a river, woodland in the north" --size 1024x768 -o scene.png

The sentence becomes a grid of embeddings first, which is kept beside the image: paint on it, or draw it again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ssldiff_core as ssldiff
from ssldiff_core.text_to_grid import Proposal, TextRequest, generate_from_text


def describe(
    sentence: str, size_px: tuple[int, int], output: Path, *, model_id: str = "aerial", steps: int = 20, seed: int = 1
) -> Path:
    """Write the image, and its grid as ``NAME.grid.npz``; returns the image's path."""

    def keep(proposal: Proposal) -> None:
        proposal.grids[0].save(output.with_suffix(".grid.npz"))
        print(*proposal.notes, sep="\n")

    request = TextRequest(sentence, model_id, size_px, seed=seed)
    for step in generate_from_text(request, ssldiff.Settings(seed=seed, steps=steps), told=keep):
        print(f"{step.phase} {step.index} of {step.total}")
    assert step.result is not None, "the last step has the result"
    size = step.result.geometry.pixel_size_m
    return ssldiff.write_image(output, step.result.image, step.result.manifest, pixel_size_m=size)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sentence")
    parser.add_argument("--model", default="aerial")
    parser.add_argument("--size", default="1024x768", help="WIDTHxHEIGHT in pixels")
    parser.add_argument("-o", "--output", type=Path, default=Path("scene.png"))
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    print(describe(arguments.sentence, (width, height), arguments.output, model_id=arguments.model))


if __name__ == "__main__":
    main()
