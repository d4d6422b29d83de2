"""``ssldiff study``: do synthetic images help classifiers, and where is a classifier brittle? One command a study."""

from __future__ import annotations

from . import study_memory, study_patches, study_representations, study_robustness, study_slides
from .arguments import Commands

_DESCRIPTION = """\
Studies of synthetic images, each one command. Every study writes one JSON file and one self-contained HTML page with
tables, plots, sizes, seeds and machine."""

_EPILOG = """\
examples:
  ssldiff study patches uc_merced --data data -o patches-uc_merced
  ssldiff study patches eurosat --data data -o patches-eurosat --cnn
  ssldiff study representations uc_merced --data data -o representations
  ssldiff study robustness patches --pixel-size 0.5um --predictor model.onnx -o robust
  ssldiff study slides composed --data data -o slides-composed"""


def add_command(commands: Commands) -> None:
    """Add ``study`` and its own commands to the parser."""
    import argparse

    parser = commands.add_parser(
        "study", help="studies of what synthetic images are good for", description=_DESCRIPTION, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    studies = parser.add_subparsers(title="studies", dest="study", metavar="STUDY", required=True)
    for module in (study_memory, study_patches, study_representations, study_robustness, study_slides):
        module.add_command(studies)
