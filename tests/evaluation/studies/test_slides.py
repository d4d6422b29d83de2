"""The slide study from a table of slides to its report, with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main


@pytest.fixture
def table(patches: Path) -> Path:
    """``slides.csv``: two classes, two training slides and one test slide each, of 2 × 1 cells."""
    generator = np.random.default_rng(5)
    lines = ["path,label,group,split,pixel_size"]
    for label, low in (("dark", 0), ("light", 150)):
        for number in range(3):
            name = f"{label}-{number}.png"
            pixels = generator.integers(low, low + 100, (256, 128, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(patches / name)
            lines.append(f"{name},{label},{name},{'test' if number == 2 else 'train'},0.5um")
    (patches / "slides.csv").write_text("\n".join(lines) + "\n")
    return patches / "slides.csv"


def test_a_table_of_slides_is_studied_by_one_command_and_goes_on_from_what_was_drawn(
    table: Path, student: None, capsys: pytest.CaptureFixture[str]
):
    line = f"study slides {table} --model tiny --few 1 --per-slide 1 --seeds 1 --fast -o out --json"
    assert main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    arms = {name for name in facts if "|" in name}
    assert arms == {f"{model}|{arm}" for model in ("CLAM-SB", "DSMIL") for arm in (
        "real, few", "real, few + synthetic", "real, many"
    )}  # fmt: skip
    assert all(0.0 <= facts[name]["value"] <= 1.0 for name in arms)
    drawn = {file: file.stat().st_mtime_ns for file in Path("out/synthetic").glob("*.npz")}
    assert len(drawn) == 2
    command = json.loads(Path("out/study.json").read_text(encoding="utf-8"))["command"]
    assert command.endswith("--fast")
    assert main([*command.split()[1:], "--json"]) == 0, "the command of the report makes the study again"
    assert json.loads(capsys.readouterr().out) == facts
    assert drawn == {file: file.stat().st_mtime_ns for file in Path("out/synthetic").glob("*.npz")}


def test_slides_of_one_class_or_one_split_are_refused(table: Path, capsys: pytest.CaptureFixture[str]):
    text = table.read_text()
    for changed in (text.replace(",test,", ",train,"), text.replace(",light,", ",dark,")):
        table.write_text(changed)
        assert main(f"study slides {table} --model tiny -o out".split()) == 2
    assert "two classes" in capsys.readouterr().err
