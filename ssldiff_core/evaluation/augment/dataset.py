"""Labelled data sets: folders of classes, or a table of images and slides, with the split that binds both."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import SceneError, SettingsError
from ...geometry import Box, parse_pixel_size
from ...scenes import open_scene

TRAIN = "train"
SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms",
}  # fmt: skip
"""Files of a folder that are taken for images."""

SPLIT_FOLDERS = {
    "train": TRAIN, "training": TRAIN, "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Folders above the classes that name a split."""


@dataclass(frozen=True)
class Sample:
    """One image, or one region of a slide.

    Args:
        path: below the data set's root, with slashes.
        label: its class.
        group: what must not be torn apart by a split: patient, slide, place.
        split: ``train``, ``validation``, ``test`` …
        sha256: of the file, where the table knows it.
        mask: path of its mask below the root; empty for none.
        region_l0: the part of the file that is meant; the whole where None.
        pixel_size_m: metres along its pixels, where the table says; None where the file is asked.
    """

    path: str
    label: str
    group: str
    split: str = TRAIN
    sha256: str = ""
    mask: str = ""
    region_l0: Box | None = None
    pixel_size_m: float | None = None

    @property
    def name(self) -> str:
        """Path and region: what tells it from every other sample."""
        region = self.region_l0
        return self.path if region is None else f"{self.path}#{','.join(f'{v:g}' for v in region.as_tuple())}"


@dataclass(frozen=True)
class Dataset:
    """Samples below one root.

    Args:
        root: folder that their paths start from.
        samples: sorted by path.
        notes: what a user should know: empty classes, a split that is missing.

    Raises:
        SettingsError: where there is no sample.
    """

    root: Path
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.samples:
            raise SettingsError(
                f"read the data set {self.root}", "it holds no image" if not self.notes else "; ".join(self.notes),
                "a data set is a folder with a folder for each class, or a table with the columns path and label",
            )  # fmt: skip
        doubles = [name for name, count in Counter(s.name for s in self.samples).items() if count > 1]
        if doubles:
            raise SettingsError(
                f"read the data set {self.root}", f"{len(doubles)} images stand in it twice, such as {doubles[0]}",
                "an image has one label and one split",
            )  # fmt: skip

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels, sorted."""
        return tuple(sorted({sample.label for sample in self.samples}))

    def of_split(self, split: str) -> Dataset:
        """The samples of one split.

        Raises:
            SettingsError: where it has none.
        """
        chosen = tuple(sample for sample in self.samples if sample.split == split)
        if not chosen:
            found = ", ".join(sorted({sample.split for sample in self.samples}))
            raise SettingsError(
                f"use the split {split!r} of {self.root}", f"its splits are {found}", "", "Name one of these"
            )
        return Dataset(self.root, chosen, self.notes)

    def counts(self) -> dict[str, int]:
        """Samples of each class."""
        return dict(sorted(Counter(sample.label for sample in self.samples).items()))


def read_dataset(place: Path, *, splits: Path | None = None, masks: Path | None = None) -> Dataset:
    """A data set from a folder or a table.

    A folder holds a folder for each class, or ``train/``, ``val/``, ``test/`` with these. With ``splits`` (columns
    path, group, label, split, and sha256 where it is known; paths from the table's own folder) its rows below the
    folder are the data set. A table is such a file itself, and may have the columns ``region`` (x,y,width,height at
    level 0), ``pixel_size`` and ``mask``.

    Args:
        place: folder or ``.csv``.
        splits: table that says split and group of a folder's images.
        masks: folder with a mask for each image, under the image's own path or name.

    Raises:
        SettingsError: where there is nothing, or a row is malformed.
    """
    if place.is_file():
        dataset = Dataset(place.parent, tuple(_sorted(_read_table(place))))
    elif splits is not None:
        dataset = _below(place, splits)
    elif place.is_dir():
        dataset = _read_folders(place)
    else:
        raise SettingsError(f"read the data set {place}", "there is no such folder or table")
    return dataset if masks is None else _with_masks(dataset, masks)


def _sorted(samples: Iterable[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: sample.name)


def _below(place: Path, splits: Path) -> Dataset:
    """The rows of a table of splits whose files lie in a folder."""
    root, folder = splits.resolve().parent, place.resolve()
    try:
        prefix = folder.relative_to(root).as_posix() + "/"
    except ValueError as error:
        raise SettingsError(
            f"use the splits of {splits} for {place}", "the folder lies elsewhere",
            "paths of a table start from the folder that it lies in",
        ) from error  # fmt: skip
    rows = [row for row in _read_table(splits) if prefix == "./" or row.path.startswith(prefix)]
    return Dataset(root, tuple(_sorted(rows)))


def _read_table(file: Path) -> Iterator[Sample]:
    asked = f"read the table {file.name}"
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(asked, f"it cannot be read: {error}") from error
    missing = {"path", "label"} - set(rows[0] if rows else {})
    if missing:
        raise SettingsError(
            asked, f"it has no column {' and '.join(sorted(missing))}", "a table has the columns path and label, and "
            "may have group, split, region, pixel_size, mask and sha256",
        )  # fmt: skip
    for number, row in enumerate(rows, start=2):
        if not row["path"] or row["label"] is None:
            raise SettingsError(asked, f"line {number} has no path or no label")
        yield _sample_of({key: value or "" for key, value in row.items() if key is not None})


def _sample_of(row: Mapping[str, str]) -> Sample:
    path = row["path"].replace("\\", "/")
    return Sample(
        path, row["label"], row.get("group", "") or path, row.get("split", "") or TRAIN, row.get("sha256", ""),
        row.get("mask", ""), Box.parse(row["region"]) if row.get("region") else None,
        parse_pixel_size(row["pixel_size"]) if row.get("pixel_size") else None,
    )  # fmt: skip


def _read_folders(place: Path) -> Dataset:
    folders = sorted(folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    named = [folder for folder in folders if folder.name.lower() in SPLIT_FOLDERS]
    samples, notes = [], []
    places = (
        [(inner, SPLIT_FOLDERS[outer.name.lower()]) for outer in named for inner in sorted(outer.iterdir())]
        if named else [(folder, TRAIN) for folder in folders]
    )  # fmt: skip
    for folder, split in places:
        files = _images_in(folder)
        if folder.is_dir() and not files:
            notes.append(f"the class {folder.relative_to(place).as_posix()} is empty")
        for file in files:
            path = file.relative_to(place).as_posix()
            samples.append(Sample(path, folder.name, path, split))
    if not samples:  # a folder of images without classes: nothing to train on, but to look at
        samples = [Sample(file.name, "", file.name) for file in sorted(place.iterdir()) if _is_image(file)]
    if not named:
        notes.append(
            "no split is named: every image counts as training; images that test a classifier must lie elsewhere"
        )
    return Dataset(place, tuple(_sorted(samples)), tuple(notes))


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.rglob("*") if _is_image(file))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()


def _with_masks(dataset: Dataset, masks: Path) -> Dataset:
    """Each sample with the mask under its own path, or under its name alone, whatever the suffix."""
    if not masks.is_dir():
        raise SettingsError(f"read the masks in {masks}", "there is no such folder")
    found = {file.relative_to(masks).with_suffix("").as_posix(): file for file in _images_in(masks)}
    by_name = {Path(key).name: file for key, file in found.items()}
    samples, without = [], []
    for sample in dataset.samples:
        stem = Path(sample.path).with_suffix("")
        file = found.get(stem.as_posix()) or by_name.get(stem.name)
        if file is None:
            without.append(sample.path)
            continue
        samples.append(Sample(**{**sample.__dict__, "mask": str(file.resolve())}))
    notes = (f"{len(without)} images have no mask and are left out, such as {without[0]}",) if without else ()
    return Dataset(dataset.root, tuple(samples), (*dataset.notes, *notes))


def read_pixels(root: Path, sample: Sample, pixel_size_m: float | None) -> tuple[NDArray[np.uint8], float]:
    """The pixels (h, w, 3) uint8 of a sample as they are stored, and the metres along one.

    Args:
        pixel_size_m: of the whole data set; None where table or file say it.

    Raises:
        SceneError: where the file is broken or missing.
        SettingsError: where nobody says how large the pixels are.
    """
    told = pixel_size_m or sample.pixel_size_m
    with open_scene(root / sample.path, pixel_size_m=told) as scene:
        if scene.pixel_size_m is None:
            raise SettingsError(
                f"vary {sample.path}", "nothing says how large its pixels are", "the model draws at a pixel size",
                "Give --pixel-size, for example 0.5um or 0.3m, or a column pixel_size",
            )  # fmt: skip
        box = sample.region_l0 or Box(0, 0, *scene.size_l0)
        size = (round(box.width), round(box.height))
        try:
            return scene.read(box, size_px=size), scene.pixel_size_m
        except OSError as error:
            raise SceneError(f"read {sample.path}", f"its pixels are damaged: {error}") from error


def digest_file(path: Path) -> str:
    """sha256 (hex) of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
