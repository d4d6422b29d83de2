"""Laws of an augmentation: bound to its split, the same after a restart, honest about what it could not use."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.cli import main
from ssldiff_core.diffusion.field import ConditioningField
from ssldiff_core.evaluation.augment.dataset import Sample
from ssldiff_core.evaluation.augment.fitting import fit_image
from ssldiff_core.evaluation.augment.manifest import read_rows
from ssldiff_core.evaluation.augment.masks import MaskPalette
from ssldiff_core.evaluation.augment.recipes import grid_of
from ssldiff_core.evaluation.augment.sources import Sources

BASE = "augment set -o out --pixel-size 0.5um --model tiny --steps 2 --device cpu"


def run(line: str) -> int:
    return main(line.split())


def drawn(folder: str = "out") -> dict[str, str]:
    return {row.file: row.sha256 for row in read_rows(Path(folder)) if row.is_kept}


def test_a_killed_run_goes_on_to_the_same_set_and_so_do_shards(patches: Path):
    assert run(f"{BASE} --per-image 2") == 0
    whole = drawn()
    assert len(whole) == 12
    chunks = sorted(Path("out", "work", "chunks").glob("*.csv"))
    assert len(chunks) > 1
    chunks[0].unlink()  # as if killed before this chunk was noted
    lost = next(row.file for row in read_rows(chunks[1]))
    Path("out", lost).unlink()  # and an image lost
    assert run(f"{BASE} --per-image 2") == 0
    assert drawn() == whole
    for shard in ("2/2", "1/2"):
        assert run(f"{BASE.replace('-o out', '-o parts')} --per-image 2 --shard {shard}") == 0
    assert drawn("parts") == whole


@pytest.mark.slow
def test_two_processes_draw_the_same_set_as_one(patches: Path):
    assert run(f"{BASE} --per-image 2") == 0
    assert run(f"{BASE.replace('-o out', '-o two')} --per-image 2 --workers 2") == 0
    assert drawn("two") == drawn()


def test_rows_say_whether_the_student_drew_and_older_manifests_are_read(student: None):
    line = BASE.replace(" --steps 2", "")
    assert run(f"{line} --fast") == 0
    rows = read_rows(Path("out"))
    assert {(row.student, row.steps, row.guidance) for row in rows} == {("yes", 4, 1.0)}
    assert run(f"{line.replace('-o out', '-o slow')} --steps 4") == 0
    assert not set(drawn().values()) & set(drawn("slow").values())
    with Path("slow/manifest.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    with Path("older.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [name for name in table[0] if name != "student"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    assert read_rows(Path("older.csv")) == read_rows(Path("slow"))


def test_a_student_in_other_steps_is_refused(student: None, capsys: pytest.CaptureFixture[str]):
    assert run(f"{BASE} --fast") == 2
    assert "A student takes 4" in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_folder_takes_more_of_its_set_but_not_another_set(patches: Path, capsys: pytest.CaptureFixture[str]):
    assert run(BASE) == 0
    first = drawn()
    assert run(f"{BASE} --per-image 2") == 0
    assert first.keys() < drawn().keys()
    assert run(f"{BASE} --mix same") == 2
    assert "another folder" in capsys.readouterr().err


def test_variations_have_the_size_of_their_source_and_say_that_they_are_synthetic(patches: Path):
    assert run(f"{BASE} --mix image,same") == 0
    for row in read_rows(Path("out")):
        with Image.open(Path("out", row.file)) as image, Image.open(patches / row.source) as source:
            assert image.size == source.size
            assert "SYNTHETIC" in image.text["Title"]
        assert (row.split, row.group) == ("train", row.source)


def test_no_image_of_another_split_is_read_or_varied(patches: Path):
    with Path("set/splits.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "group", "label", "split"])
        for number in range(3):
            writer.writerow([f"dark/{number}.png", f"patient{number}", "dark", "test" if number else "train"])
        writer.writerow(["light/0.png", "patient9", "light", "train"])
    for number in (1, 2):
        (patches / f"dark/{number}.png").write_bytes(b"not read at all")
    assert run(f"{BASE} --splits set/splits.csv --per-image 3 --mix blend,jitter") == 0
    rows = read_rows(Path("out"))
    assert {row.source for row in rows} == {"dark/0.png", "light/0.png"}
    assert {row.partner for row in rows} == {""}
    assert run("check-split out --splits set/splits.csv") == 0


def test_broken_images_are_left_out_counted_and_named(patches: Path, capsys: pytest.CaptureFixture[str]):
    (patches / "dark/1.png").write_bytes((patches / "dark/1.png").read_bytes()[:300])
    (patches / "light/1.png").write_text("no image")
    (patches / "empty").mkdir()
    assert run(f"{BASE} --json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["skipped"] == ["dark/1.png", "light/1.png"]
    assert "the class empty is empty" in told.err
    assert "one image alone in alone" in told.err


def test_a_data_set_that_is_none_is_a_mistake(patches: Path, capsys: pytest.CaptureFixture[str]):
    shutil.rmtree(patches)
    patches.mkdir()
    assert run(BASE) == 2
    assert run("augment nowhere -o out --pixel-size 0.5um") == 2
    assert run("augment set -o out --pixel-size 3km") == 2
    capsys.readouterr()


def test_what_the_filter_rejects_is_drawn_again_and_then_left_out(patches: Path):
    assert run(f"{BASE} --min-fidelity 1.0 --attempts 2") == 0
    rows = read_rows(Path("out"))
    assert {(row.kept, row.attempt, row.file) for row in rows} == {("no", 1, "")}


def test_masks_become_layouts_and_lie_beside_their_images(patches: Path):
    folder = Path("masks")
    folder.mkdir()
    for file in patches.rglob("*.png"):
        side = Image.open(file).size[0]
        values = np.full((side, side), 2 if file.parent.name == "dark" else 1, np.uint8)
        values[: side // 4] = 3  # a class that fills no cell
        Image.fromarray(values).save(folder / f"{file.parent.name}-{file.stem}.png")
    for file in list(patches.rglob("*.png")):
        shutil.move(file, file.with_name(f"{file.parent.name}-{file.stem}.png"))
    assert run(f"{BASE} --masks masks --mix layout,blend,same --per-image 2") == 0
    rows = read_rows(Path("out"))
    assert {row.kind for row in rows} == {"layout", "same"}
    for row in rows:
        with Image.open(Path("out", row.mask)) as mask, Image.open(Path("out", row.file)) as image:
            assert mask.size == image.size
            assert set(np.unique(np.asarray(mask))) == {2 if row.label == "dark" else 1, 3}


def test_a_child_in_another_split_than_its_parent_is_found(patches: Path, capsys: pytest.CaptureFixture[str]):
    assert run(BASE) == 0
    assert run("check-split out --splits set") == 0
    rows = list(csv.DictReader(Path("out/manifest.csv").read_text().splitlines()))
    rows[0]["split"] = "test"
    with Path("out/manifest.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    capsys.readouterr()
    assert run("check-split out --splits set") == 1
    assert "in the split of its parents" in capsys.readouterr().out


def test_a_patient_or_an_image_in_two_splits_is_found(patches: Path, capsys: pytest.CaptureFixture[str]):
    Path("set/t.csv").write_text(
        "path,label,group,split,sha256\na.png,x,p1,train,1\nb.png,x,p1,test,2\nc.png,x,p3,test,1\n"
    )
    assert run("check-split --splits set/t.csv --json") == 1
    rules = {fault["rule"] for fault in json.loads(capsys.readouterr().out)["faults"]}
    assert rules == {"a group lies in one split", "an image lies in one split"}


def test_a_layout_follows_the_borders_of_its_mask_to_a_latent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    fit = fit_image((128, 256), 0.5e-6, (0.5e-6,), 128, "m")
    mask = np.ones((128, 256), np.uint8)
    mask[:, 40:] = 2
    samples = (Sample("a.png", "x", "a", mask="a.png"),)
    vectors = np.stack([[np.eye(3)[0], np.eye(3)[1]]]).astype(np.float32)
    Image.fromarray(mask).save("a.png")
    sources = Sources(Path(), samples, (fit,), (vectors,))
    palette = MaskPalette(sources)
    filled, regions = palette.layout(0, 7)
    field = ConditioningField(grid_of(filled, 0.5e-6, "e", 128, 8, regions))
    found, valid = field.crop(0, 0, 16, 32)
    assert valid.all()
    assert np.abs(found[:, :5] - palette.vectors[1][0][0]).max() < 1e-6
    assert np.abs(found[:, 6:] - np.eye(3)[1]).max() < 1e-6
