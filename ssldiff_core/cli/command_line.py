"""The parser of ``ssldiff``, and what becomes of errors: a message and an exit code, no traceback for a mistake."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .. import __version__
from ..errors import Cancelled, ModelError, SSLDiffError, is_out_of_memory
from . import (
    adapt,
    augment,
    batch,
    check,
    check_split,
    convert,
    edit,
    encode,
    evaluate,
    finish,
    generate,
    import_features,
    inspect_file,
    layout,
    merge,
    models,
    palette,
    regenerate,
    replay,
    reproduce,
    serve,
    study,
    text,
    train,
)
from .console import Console

EXIT_MISTAKE, EXIT_INTERRUPTED = 2, 130
MODELS_DIR = "SSLDIFF_MODELS_DIR"

_DESCRIPTION = """\
Regenerate large images from grids of self-supervised embeddings.

A scene (a whole slide, an aerial image) becomes a grid of embeddings; the grid is edited or painted; a diffusion
model draws the large image that the grid describes."""

_EPILOG = """\
the main path:
  ssldiff encode slide.svs --region 2000,4000,4096,4096 -o grid.npz     read a region as a grid of embeddings
  ssldiff palette grid.npz --scene slide.svs -o palette.npz             sort its cells into colours to paint with
  ssldiff edit grid.npz --palette palette.npz --paint 0,0,4,4:B -o edited.npz
  ssldiff generate edited.npz -o edited.ome.tif                         draw the image that the grid describes
  ssldiff replay edited.ome.tif.manifest.json                           and draw the same image again

in the browser:
  ssldiff serve

`ssldiff COMMAND --help` explains a command with examples. Exit codes: 0 done, 1 a replay that differs,
2 a mistake in what was asked (the message says which), 130 interrupted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``ssldiff``; those of the process where None.

    Returns:
        The exit code.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # else a library's log lines stand between our sentences
    try:
        parser = build_parser()
        arguments, rest = parser.parse_known_args(argv)
        if rest and not arguments.takes_rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}; see ssldiff {arguments.command} --help")
        arguments.rest = rest
        console = Console(quiet=arguments.quiet, as_json=arguments.json)
        with models_of(getattr(arguments, "models_dir", None)):
            code: int = arguments.run(arguments, console)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, Cancelled):
        print("ssldiff: interrupted; no file was left half written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except SSLDiffError as error:
        print(f"ssldiff: {error}", file=sys.stderr)
        return EXIT_MISTAKE
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        print(
            "ssldiff: The machine, or its accelerator, has not enough memory for this. Ask for a smaller image or "
            "region, for fewer at once (--batch-size, --workers), or for --device cpu.", file=sys.stderr,
        )  # fmt: skip
        return EXIT_MISTAKE
    except BrokenPipeError:  # the reader of a pipe (`ssldiff models | head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@contextmanager
def models_of(folder: Path | None) -> Iterator[None]:
    """While a command runs, models and encoders are looked for in the folder of ``--models-dir`` first.

    Raises:
        ModelError: where there is no such folder.
    """
    if folder is None:
        yield
        return
    if not folder.is_dir():
        raise ModelError(f"find models in {folder}", "there is no such folder", "", "Give the folder of model folders")
    before = os.environ.get(MODELS_DIR)
    os.environ[MODELS_DIR] = str(folder.absolute())
    try:
        yield
    finally:
        os.environ.pop(MODELS_DIR)
        if before is not None:
            os.environ[MODELS_DIR] = before


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    parser = argparse.ArgumentParser(
        "ssldiff", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(takes_rest=False)
    parser.add_argument("--version", action="version", version=f"ssldiff {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    making = (
        encode,
        import_features,
        adapt,
        palette,
        edit,
        layout,
        text,
        generate,
        regenerate,
        finish,
        replay,
        inspect_file,
    )
    others = (evaluate, reproduce, augment, check_split, study, batch, merge, check, models, convert, serve, train)
    for module in (*making, *others):
        module.add_command(commands)
    return parser
