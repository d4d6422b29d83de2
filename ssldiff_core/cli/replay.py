"""``ssldiff replay``: the same image again, from its manifest alone."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import Commands, add_parser, checked_output
from .console import Console
from .generate import follow, write_outputs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..provenance import Manifest

EXIT_DIFFERS = 1
MANIFEST_SUFFIX = ".manifest.json"

_DESCRIPTION = """\
Make an image again from its manifest: the manifest holds the grid, the settings and the digest of the weights. On the
same machine, with the same versions, the image is the same in every bit; elsewhere it agrees to rounding.

Exit code 0: the image is the same. Exit code 1: it was made, but it differs; what is different here is named."""

_EXAMPLES = """\
  ssldiff replay out.ome.tif.manifest.json                     writes out.replay.ome.tif beside it
  ssldiff replay out.ome.tif -o again.png                      the manifest inside the image
  ssldiff replay out.ome.tif.manifest.json --verify            compares, writes nothing"""


def add_command(commands: Commands) -> None:
    """Add ``replay`` to the parser."""
    parser = add_parser(commands, "replay", "make an image again from its manifest", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("manifest", type=Path, help="the .manifest.json beside a generated image, or the image itself")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, nargs="+", metavar="FILE", help=".png, .ome.tif or .tif")
    where.add_argument("--verify", action="store_true", help="only compare; write nothing")
    parser.add_argument(
        "--reference", type=Path, metavar="IMAGE",
        help="what a variation started from, where it is too large for a manifest",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``replay``."""
    from ..export import SUFFIXES, read_manifest
    from ..generate import replay
    from ..provenance import Manifest

    manifest = Manifest.from_json(read_manifest(arguments.manifest), name=str(arguments.manifest))
    wanted = arguments.output or ([] if arguments.verify else [default_output(arguments.manifest, SUFFIXES, "replay")])
    outputs = [checked_output(path, *SUFFIXES) for path in wanted]
    start = time.monotonic()
    image = read_reference_image(arguments.reference, manifest)
    result = follow(replay(manifest, reference_image=image), console)
    seconds = time.monotonic() - start
    write_outputs(result, outputs)
    same = result.manifest.image_digest == manifest.image_digest
    differences = [] if same else _differences(manifest, result.manifest)
    facts = {
        "same": same, "bit_exact_promised": manifest.bit_exact, "image_digest": result.manifest.image_digest,
        "outputs": [str(path) for path in outputs], "seconds": round(seconds, 3), "differences": differences,
    }  # fmt: skip
    told = "the same image, bit for bit" if same else "NOT the same in every bit"
    lines = [f"{arguments.manifest}: {told} ({seconds:.1f} s)", *(f"  {line}" for line in differences)]
    console.report("\n".join([*lines, *(f"written: {path}" for path in outputs)]), facts)
    return 0 if same else EXIT_DIFFERS


def default_output(given: Path, suffixes: Sequence[str], word: str) -> Path:
    """``out.ome.tif.manifest.json`` or ``out.ome.tif`` -> ``out.WORD.ome.tif``, in the same folder."""
    name = given.name.removesuffix(MANIFEST_SUFFIX)
    for suffix in sorted(suffixes, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return given.with_name(f"{name[: -len(suffix)]}.{word}{suffix}")
    return given.with_name(f"{given.stem}.{word}.png")


def read_reference_image(path: Path | None, manifest: Manifest) -> NDArray[np.uint8] | None:
    """The image that a variation started from, as it was read then; None where none is given.

    Raises:
        SceneError, GridError: where it cannot be read, or does not fit the grid's canvas.
    """
    if path is None:
        return None
    from ..diffusion.reference import reference_from_scene
    from ..scenes import open_scene

    with open_scene(path) as scene:
        return reference_from_scene(scene, manifest.grid, 1.0).image


def _differences(before: Manifest, now: Manifest) -> list[str]:
    """What is not as it was, for people."""
    if not before.image_digest:
        return ["the manifest does not say what its image was, so there is nothing to compare with"]
    lines = [
        f"{name}: {old} then, {new} now"
        for was, here in ((before.versions, now.versions), (before.machine, now.machine))
        for name in sorted({*was, *here})
        if (old := was.get(name)) != (new := here.get(name))
    ]
    if not lines and not before.bit_exact:
        lines = ["this device does not compute the same bits twice"]
    return lines
