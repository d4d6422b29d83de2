"""``ssldiff replay``: the same image again, from its manifest alone."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ManifestError
from .arguments import Commands, add_parser, checked_output
from .console import Console
from .generate import IMAGE_SUFFIXES, generate_with_bar, write_outputs

if TYPE_CHECKING:
    from ..generate import Settings
    from ..provenance import Manifest

EXIT_DIFFERS = 1
MANIFEST_SUFFIX = ".manifest.json"

_DESCRIPTION = """\
Make an image again from its manifest: the manifest holds the grid, the settings and the digest of the weights. On the
same machine, with the same versions, the image is the same in every bit; elsewhere it agrees to rounding.

Exit code 0: the image is the same. Exit code 1: it was made, but it differs; what is different here is named."""

_EXAMPLES = """\
  ssldiff replay out.ome.tif.manifest.json                     writes out.replay.ome.tif beside it
  ssldiff replay out.ome.tif.manifest.json -o again.png
  ssldiff replay out.ome.tif.manifest.json --verify            compares, writes nothing"""


def add_command(commands: Commands) -> None:
    """Add ``replay`` to the parser."""
    parser = add_parser(commands, "replay", "make an image again from its manifest", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("manifest", type=Path, help="the .manifest.json beside a generated image")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, nargs="+", metavar="FILE", help=".png, .ome.tif or .tif")
    where.add_argument("--verify", action="store_true", help="only compare; write nothing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Carry out ``replay``."""
    from ..provenance import Manifest

    manifest = Manifest.load(arguments.manifest)
    wanted = arguments.output or ([] if arguments.verify else [_default_output(arguments.manifest)])
    outputs = [checked_output(path, *IMAGE_SUFFIXES) for path in wanted]
    settings = _settings_of(manifest)
    start = time.monotonic()
    result = generate_with_bar(manifest.grid, settings, console)
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


def _settings_of(manifest: Manifest) -> Settings:
    """The settings of the first run, where the same weights are here.

    Raises:
        ManifestError: where they are not, or this version does not know a setting.
    """
    from ..generate import Settings
    from ..models.catalogue import get_model_spec

    spec = get_model_spec(manifest.model_id)
    if spec.digest != manifest.model_digest:
        raise ManifestError(
            "make the image again", f"the weights of {manifest.model_id!r} here are {spec.digest[:12]}, not "
            f"{manifest.model_digest[:12]}", "a replay takes the same weights",
            f"Install ssldiff {manifest.versions.get('ssldiff', 'of that time')}",
        )  # fmt: skip
    try:
        return Settings(**manifest.settings)
    except TypeError as error:
        raise ManifestError("make the image again", f"its settings are of another version ({error})") from None


def _default_output(manifest_path: Path) -> Path:
    """``out.ome.tif.manifest.json`` -> ``out.replay.ome.tif``, in the same folder."""
    name = manifest_path.name.removesuffix(MANIFEST_SUFFIX)
    for suffix in sorted(IMAGE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return manifest_path.with_name(f"{name[: -len(suffix)]}.replay{suffix}")
    return manifest_path.with_name(f"{manifest_path.stem}.replay.png")


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
