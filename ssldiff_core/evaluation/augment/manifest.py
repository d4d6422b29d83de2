"""The manifest of an augmentation: a row for each variation, with all that ties it to its parents."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from ...errors import ManifestError
from ...export.replacing import replacing

NAME = "manifest.csv"


@dataclass(frozen=True)
class Row:
    """One variation.

    Args:
        file: path below the manifest's folder; empty where the filter rejected it.
        label: the class it was made to show.
        split: that of its parents.
        group: of its source; with ``partner_group``, what must not be torn apart.
        kind, amount: see :mod:`~ssldiff_core.evaluation.augment.variations`.
        source, source_sha256: the image it was made from.
        partner, partner_sha256, partner_group: the other image of a blend, or nothing.
        slot, attempt: which variation of its source, and which try.
        seed: of its noise.
        fidelity: mean cosine between embeddings asked for and read back.
        label_probability: of its label, by a probe on the training images.
        kept: ``yes`` or ``no``, by the filter.
        pixel_size_m: that the model was told.
        model, model_digest, steps, guidance: what drew it.
        student: whether it was the model's student, ``yes`` or ``no``.
        mask: path of its mask below the manifest's folder, or nothing.
        sha256: of the file.
    """

    file: str
    label: str
    split: str
    group: str
    kind: str
    amount: float
    source: str
    source_sha256: str
    partner: str
    partner_sha256: str
    partner_group: str
    slot: int
    attempt: int
    seed: int
    fidelity: float
    label_probability: float
    kept: str
    pixel_size_m: float
    model: str
    model_digest: str
    steps: int
    guidance: float
    student: str = "no"
    mask: str = ""
    sha256: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the filter let it pass."""
        return self.kept == "yes"

    @property
    def kind_text(self) -> str:
        """Kind and amount, for people; blends, each with a share of its own, are one kind."""
        return f"{self.kind} {self.amount:g}" if self.amount and self.kind != "blend" else self.kind


_TYPES = {"float": float, "int": int, "str": str}


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a CSV, whole or not at all."""
    names = [item.name for item in fields(Row)]
    with replacing(f"write {path}", path) as (part,), part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(path: Path) -> list[Row]:
    """The rows of a manifest, or of a folder that holds one.

    Raises:
        ManifestError: where it is missing or malformed.
    """
    file = path / NAME if path.is_dir() else path
    asked = f"read the manifest {file}"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        items = [item for item in fields(Row) if item.default is MISSING or (rows and item.name in rows[0])]
        return [Row(**{item.name: _TYPES[str(item.type)](row[item.name]) for item in items}) for row in rows]
    except OSError as error:
        raise ManifestError(asked, f"it cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ManifestError(asked, f"a column is missing or malformed: {error}", "", "Make the set again") from error
