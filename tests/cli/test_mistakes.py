"""A user's mistake ends in exit code 2 and a sentence, never in a traceback, and never in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid import EmbeddingGrid
from ssldiff_core.geometry import GridGeometry


@pytest.fixture
def grid_path(tmp_path: Path) -> Path:
    vectors = np.random.default_rng(0).normal(size=(2, 2, 8)).astype(np.float32)
    path = tmp_path / "grid.npz"
    EmbeddingGrid(vectors, np.ones((2, 2), bool), GridGeometry((2, 2), 0.5e-6), "nobodys-encoder").save(path)
    return path


@pytest.fixture
def text_path(tmp_path: Path) -> Path:
    path = tmp_path / "note.svs"
    path.write_text("this is no slide")
    return path


def words(line: str, tmp_path: Path) -> list[str]:
    return line.replace("TMP", str(tmp_path)).split()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("encode TMP/none.svs -o TMP/out.npz", "none.svs"),
        ("encode TMP/note.svs -o TMP/out.npz", "note.svs"),
        ("encode TMP/note.svs -o TMP/out.grid", "out.grid"),
        ("encode TMP/note.svs --region 0,0,0,0 -o TMP/out.npz", "empty"),
        ("encode TMP/note.svs --region 1,2,3 -o TMP/out.npz", "four numbers"),
        ("encode TMP/note.svs --pixel-size big -o TMP/out.npz", "no length"),
        ("encode TMP/note.svs --bands 0,1,2 -o TMP/out.npz", "bands"),
        ("encode TMP/note.svs --range 9,3 -o TMP/out.npz", "LOW,HIGH"),
        ("palette TMP/note.svs -o TMP/out.npz", "note.svs"),
        ("palette TMP/grid.npz -n 0 -o TMP/out.npz", "above 0"),
        ("edit TMP/grid.npz -o TMP/out.npz", "no edit"),
        ("edit TMP/grid.npz --erase 9,9 -o TMP/out.npz", "outside"),
        ("edit TMP/grid.npz --erase a,b -o TMP/out.npz", "row,col"),
        ("edit TMP/grid.npz --paint 0,0:fat -o TMP/out.npz", "palette"),
        ("edit TMP/grid.npz --paint 0,0 -o TMP/out.npz", "SWATCH"),
        ("edit TMP/grid.npz --edits TMP/note.svs -o TMP/out.npz", "JSON"),
        ("edit --empty 2,2 -o TMP/out.npz", "palette"),
        ("edit --empty 2x2 --palette TMP/grid.npz -o TMP/out.npz", "grid.npz"),
        ("edit -o TMP/out.npz", "--empty"),
        ("edit TMP/grid.npz --erase 0,0 -o TMP/nowhere/out.npz", "no folder"),
        ("generate TMP/note.svs -o TMP/out.png", "note.svs"),
        ("generate TMP/grid.npz -o TMP/out.jpeg", "out.jpeg"),
        ("generate TMP/grid.npz -o TMP/nowhere/out.png", "no folder"),
        ("generate TMP/grid.npz --steps -3 -o TMP/out.png", "steps"),
        ("generate TMP/grid.npz -o TMP/out.png", "nobodys-encoder"),
        ("replay TMP/none.json", "none.json"),
        ("replay TMP/note.svs", "manifest"),
        ("check --model moon", "moon"),
        ("serve --port 99999999", "port"),
        ("serve --host 203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(
    line: str, told: str, tmp_path: Path, grid_path: Path, text_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.rglob("*"))
    assert main(words(line, tmp_path)) == 2
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.strip().splitlines()[-1].startswith("ssldiff: ")
    assert "Traceback" not in said.err
    assert set(tmp_path.rglob("*")) == before


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("ssldiff_core.cli.models.run", interrupt)
    assert main(["models"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_words_that_a_command_does_not_know_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["models", "--nonsense"])
    assert ended.value.code == 2
    assert "--nonsense" in capsys.readouterr().err


def test_the_recipes_read_their_own_words_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["train", "--help"])
    assert ended.value.code == 0
    assert "usage: ssldiff train" in capsys.readouterr().out
    assert main(["train", "--data", "nowhere", "tissue", "--work", "work", "-o", "model"]) == 2
    assert "splits.csv" in capsys.readouterr().err


def test_too_little_memory_is_told_and_other_faults_are_not_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from ssldiff_core.cli import models

    def run(fault: Exception) -> int:
        def fail(*_: object) -> int:
            raise fault

        monkeypatch.setattr(models, "run", fail)
        return main(["models"])

    for fault in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")):
        assert run(fault) == 2
        assert "not enough memory" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="a bug"):
        run(RuntimeError("a bug"))
