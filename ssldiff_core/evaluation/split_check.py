"""Does a split hold? No child in another split than its parents, no group and no image in two splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .augment.dataset import SPLIT_FOLDERS, Sample, digest_file
from .augment.manifest import Row

MAX_TOLD = 5


@dataclass(frozen=True)
class Fault:
    """What breaks a split.

    Args:
        rule: which one is broken.
        what: the file, group or pair that breaks it.
    """

    rule: str
    what: str


def check_rows(rows: Sequence[Row], samples: Sequence[Sample], folder: Path | None = None) -> Iterator[Fault]:
    """Faults of variations against the table of their parents.

    Args:
        rows: of a manifest.
        samples: of the table that says the split of every real image.
        folder: where the variations lie; their bytes are compared with the manifest where it is given.
    """
    by_name = {sample.name: sample for sample in samples}
    for row in rows:
        if not row.is_kept:
            continue
        parents = [(row.source, row.source_sha256)] + ([(row.partner, row.partner_sha256)] if row.partner else [])
        for name, digest in parents:
            parent = by_name.get(name)
            if parent is None:
                yield Fault("a parent stands in the table", f"{row.file}: there is no {name}")
            elif parent.split != row.split:
                yield Fault(
                    "a child lies in the split of its parents", f"{row.file} is {row.split}, {name} is {parent.split}"
                )
            elif parent.sha256 and digest and parent.sha256 != digest:
                yield Fault("a parent is the file it was", f"{row.file}: {name} has another sha256")
            elif parent.label != row.label:
                yield Fault("a child has the label of its parents", f"{row.file} is {row.label}, {name} {parent.label}")
        placed = SPLIT_FOLDERS.get(Path(row.file).parts[0].lower())
        if placed is not None and placed != row.split:
            yield Fault("a child lies in the folder of its split", f"{row.file} is {row.split}")
        if folder is not None:
            yield from _check_file(row, folder)


def _check_file(row: Row, folder: Path) -> Iterator[Fault]:
    path = folder / row.file
    if not path.is_file():
        yield Fault("a child of the manifest is there", f"{row.file} is missing")
    elif row.sha256 and digest_file(path) != row.sha256:
        yield Fault("a child is what the manifest says", f"{row.file} has another sha256")


def check_samples(samples: Sequence[Sample]) -> Iterator[Fault]:
    """Faults of the table itself: a group, or an image by its sha256, in two splits."""
    groups: dict[str, set[str]] = defaultdict(set)
    images: dict[str, dict[str, str]] = defaultdict(dict)
    for sample in samples:
        groups[sample.group].add(sample.split)
        if sample.sha256:
            images[sample.sha256][sample.split] = sample.name
    for group, splits in groups.items():
        if len(splits) > 1:
            yield Fault("a group lies in one split", f"{group} lies in {' and '.join(sorted(splits))}")
    for places in images.values():
        if len(places) > 1:
            told = " and ".join(f"{name} ({split})" for split, name in sorted(places.items()))
            yield Fault("an image lies in one split", told)
