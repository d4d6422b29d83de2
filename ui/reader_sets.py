"""Blinded reader sets: crops of results and of their reference under random names, a sealed key, answers of readers.

``reader-sets/<id>/`` holds ``set.json`` (what readers may know), ``images/<name>.png``, ``key.csv`` (what they may not)
and ``readers/<digest>.json`` (one reader's answers). Real and synthetic crops have one size, one file format and one
text, so that nothing but the picture tells them apart; the sha256 of the key stands in ``set.json`` from the beginning,
so that nobody can change it afterwards. Each image says in its text that its set holds SYNTHETIC images.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import secrets
import shutil
import time
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssldiff_core.errors import SettingsError
from ssldiff_core.geometry import Box

from .documents import Document
from .files import write_json
from .records import ResultRecord
from .results import find_result, result_folder

if TYPE_CHECKING:
    from .workspace import Workspace

NOTICE = (
    "This image belongs to a blinded reader set, which holds SYNTHETIC images; the sealed key tells which they are."
)
SIDES_PX = (128, 256, 512)
MAX_ITEMS = 200
KEY_FIELDS = ("name", "kind", "result", "seed", "x_px", "y_px", "side_px")
SCORE_FIELDS = ("reader", "answered", "of", "correct", "accuracy", "synthetic_found", "real_found", "seconds")


def make_reader_set(workspace: Workspace, document: Document, values: Mapping[str, Any]) -> dict[str, object]:
    """Cut the crops and seal the key; ``{"results": [ids], "count": n, "side_px": px}``.

    Half of the crops are of the results, half of the same places of the reference.

    Raises:
        SettingsError: where there is no reference, or what was asked for does not fit the results.
    """
    records = [find_result(document, str(key)) for key in values.get("results") or ()]
    chosen = [record for record in records if record is not None]
    count, side = values.get("count", 20), values.get("side_px", 256)
    if not chosen or document.scene is None or not document.scene.version:
        raise SettingsError(
            "make a reader set", "there is no result, or no reference to mix it with",
            "readers tell real from synthetic", "Generate from a region of a scene first",
        )  # fmt: skip
    if not isinstance(count, int) or isinstance(count, bool) or not 2 <= count <= MAX_ITEMS:
        raise SettingsError("make a reader set", f"it has {count!r} images", f"it has 2 to {MAX_ITEMS}")
    if side not in SIDES_PX or any(side > min(record.width, record.height) for record in chosen):
        raise SettingsError(
            "make a reader set", f"its images are {side!r} px wide", "they are 128, 256 or 512, and fit the results",
            "Choose 128",
        )  # fmt: skip
    return _cut(workspace, document, chosen, count, int(side))


def _cut(
    workspace: Workspace, document: Document, chosen: list[ResultRecord], count: int, side: int
) -> dict[str, object]:
    set_id = uuid.uuid4().hex
    folder = sets_folder(workspace) / set_id
    (folder / "images").mkdir(parents=True)
    draw = secrets.SystemRandom()
    kinds = ["synthetic"] * (count // 2) + ["real"] * (count - count // 2)
    draw.shuffle(kinds)
    rows: list[dict[str, object]] = []
    try:
        for index, kind in enumerate(kinds):
            record = chosen[index % len(chosen)]
            x, y = draw.randrange(record.width - side + 1), draw.randrange(record.height - side + 1)
            name = secrets.token_hex(6)
            _write_image(folder / "images" / f"{name}.png", _crop(workspace, document, record, kind, x, y, side))
            values = (name, kind, record.id, record.seed, x, y, side)
            rows.append(dict(zip(KEY_FIELDS, values, strict=True)))
        key = _csv(KEY_FIELDS, rows)
        (folder / "key.csv").write_text(key, encoding="utf-8")
        facts = {
            "id": set_id, "document": document.id, "created": time.time(), "side_px": side, "notice": NOTICE,
            "items": [row["name"] for row in rows], "key_sha256": hashlib.sha256(key.encode()).hexdigest(),
        }  # fmt: skip
        write_json(folder / "set.json", facts)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return set_to_json(workspace, facts)


def _crop(
    workspace: Workspace, document: Document, record: ResultRecord, kind: str, x: int, y: int, side: int
) -> np.ndarray:
    """(side, side, 3) uint8 of a result, or of the same place of the reference at the same pixel size."""
    from ssldiff_core.scenes import open_scene

    if kind == "synthetic":
        with open_scene(result_folder(workspace, document, record) / "image.ome.tif") as scene:
            return scene.read(Box(x, y, side, side), size_px=(side, side))
    step = record.width_l0 / record.width
    box = Box(record.origin_l0[0] + x * step, record.origin_l0[1] + y * step, side * step, side * step)
    assert document.scene is not None
    entry = workspace.library.get(document.scene.id)
    return workspace.tiles.scenes.read(entry, lambda one: one.read(box, size_px=(side, side)))


def _write_image(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Description", NOTICE)
    Image.fromarray(pixels).save(path, pnginfo=text)


def sets_folder(workspace: Workspace) -> Path:
    return workspace.config.data_dir / "reader-sets"


def find_set(workspace: Workspace, set_id: str) -> tuple[Path, dict[str, Any]] | None:
    """A set's folder and what its readers may know; None where there is none of this id."""
    folder = sets_folder(workspace) / set_id
    if not re.fullmatch(r"[0-9a-f]{32}", set_id) or not (folder / "set.json").is_file():
        return None
    facts: dict[str, Any] = json.loads((folder / "set.json").read_text(encoding="utf-8"))
    return folder, facts


def sets_of(workspace: Workspace, document: Document) -> list[dict[str, object]]:
    """The sets of a document, newest first."""
    found = [find_set(workspace, path.name) for path in sets_folder(workspace).glob("*")]
    mine = [facts for one in found if one is not None for facts in one[1:] if facts["document"] == document.id]
    return [set_to_json(workspace, facts) for facts in sorted(mine, key=lambda facts: -facts["created"])]


def set_to_json(workspace: Workspace, facts: Mapping[str, Any]) -> dict[str, object]:
    """For its maker: without key, with how many have read it."""
    readers = len(list((sets_folder(workspace) / str(facts["id"]) / "readers").glob("*.json")))
    return {
        "id": facts["id"], "created": facts["created"], "count": len(facts["items"]), "side_px": facts["side_px"],
        "readers": readers, "key_sha256": facts["key_sha256"],
    }  # fmt: skip


def keep_answer(folder: Path, facts: Mapping[str, Any], reader: str, name: str, synthetic: bool) -> None:
    """Write down one answer; the first counts.

    Raises:
        SettingsError: where the set has no such image, or the reader no name.
    """
    reader = " ".join(reader.split())[:60]
    if not reader:
        raise SettingsError("answer", "the reader has no name", "scores are kept for each reader", "Enter a name")
    if name not in facts["items"]:
        raise SettingsError("answer", "the set has no such image")
    answers = _answers(folder, reader)
    answers["reader"] = reader
    answers.setdefault("began", time.time())
    answers["last"] = time.time()
    answers["answers"].setdefault(name, bool(synthetic))
    path = _answers_path(folder, reader)
    path.parent.mkdir(exist_ok=True)
    write_json(path, answers)


def progress_of(folder: Path, facts: Mapping[str, Any], reader: str) -> dict[str, object]:
    """How far a reader is: images in an order of their own, those answered, and at the end the score."""
    reader = " ".join(reader.split())[:60]
    answers = _answers(folder, reader)
    order = sorted(facts["items"], key=lambda name: hashlib.sha256(f"{reader}\0{name}".encode()).digest())
    left = [name for name in order if name not in answers["answers"]]
    score = score_of(folder, answers, len(order)) if not left else None
    return {"left": left, "of": len(order), "notice": facts["notice"], "side_px": facts["side_px"], "score": score}


def score_of(folder: Path, answers: Mapping[str, Any], of: int) -> dict[str, object]:
    """One reader's score."""
    with (folder / "key.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["name"]: row["kind"] == "synthetic" for row in csv.DictReader(file)}
    given: dict[str, bool] = answers["answers"]
    right = {name: kinds[name] == said for name, said in given.items()}
    of_kind = {kind: [right[name] for name in given if kinds[name] is kind] for kind in (True, False)}
    share = {kind: round(sum(found) / len(found), 4) if found else "" for kind, found in of_kind.items()}
    return {
        "reader": answers["reader"], "answered": len(given), "of": of, "correct": sum(right.values()),
        "accuracy": round(sum(right.values()) / len(right), 4) if right else "", "synthetic_found": share[True],
        "real_found": share[False], "seconds": round(answers.get("last", 0) - answers.get("began", 0), 1),
    }  # fmt: skip


def scores_csv(folder: Path, facts: Mapping[str, Any]) -> str:
    """Scores of all readers as CSV."""
    files = sorted((folder / "readers").glob("*.json"))
    answers = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return _csv(SCORE_FIELDS, [score_of(folder, one, len(facts["items"])) for one in answers])


def write_set_zip(folder: Path, facts: Mapping[str, Any], path: Path) -> Path:
    """The images with what readers may know; the key is not in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        told = {key: facts[key] for key in ("id", "notice", "side_px", "items", "key_sha256")}
        archive.writestr("set.json", json.dumps(told, indent=1))
        for name in facts["items"]:
            archive.write(folder / "images" / f"{name}.png", f"images/{name}.png")
    return path


def _answers_path(folder: Path, reader: str) -> Path:
    return folder / "readers" / f"{hashlib.sha256(reader.encode()).hexdigest()[:24]}.json"


def _answers(folder: Path, reader: str) -> dict[str, Any]:
    try:
        answers: dict[str, Any] = json.loads(_answers_path(folder, reader).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        answers = {"reader": reader, "answers": {}}
    return answers


def _csv(fields: tuple[str, ...], rows: list[dict[str, object]]) -> str:
    """CSV whose texts no spreadsheet takes for formulas."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fields)
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"'{value}" if str(value)[:1] in "=+-@\t\r" else value for key, value in row.items()})
    return buffer.getvalue()
