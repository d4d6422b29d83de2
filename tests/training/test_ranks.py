"""Several processes train one model: the same weights in all, and those of one process that sees all their samples."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ssldiff_core.errors import SettingsError
from ssldiff_core.models import placement
from ssldiff_core.training.ranks import Ranks, trained_together
from ssldiff_core.training.run import Budget, TrainingRun
from tests.browser.conftest import free_port
from tests.conftest import TREE

STEPS = 6


class Forked(nn.Module):
    """A trunk, and a branch that only some samples pass; a third layer is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.branch, self.unused = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(3, 3)
        self.head = nn.Linear(8, 3)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, rows: torch.Tensor, branched: torch.Tensor) -> torch.Tensor:
        self.seen += 1 + Ranks().rank  # type: ignore[operator]
        hidden = self.trunk(rows).relu()
        if branched.any():
            hidden = torch.where(branched[:, None], self.branch(hidden), hidden)
        return self.head(hidden)  # type: ignore[no-any-return]


def train(folder: Path, steps: int) -> dict[str, torch.Tensor]:
    """Weights after some steps on samples that the processes share out: every second one to each of two."""
    generator = torch.Generator().manual_seed(3)
    rows, wanted = (torch.randn(STEPS, 8, width, generator=generator) for width in (6, 3))
    branched = torch.arange(8) % 2 == 0
    with trained_together("cpu") as (ranks, device):
        torch.manual_seed(0 if ranks.first else 7)  # the first one's weights count
        model = Forked()
        budget = Budget(10, steps, lr=1e-2, warmup_steps=1, decay_share=1e-6)  # a steady rate, wherever a run ends
        run = TrainingRun(model, folder, budget, device=torch.device(device), optimizer="adamw")
        own = slice(ranks.rank, None, ranks.size)

        def loss_of(step: int) -> torch.Tensor:
            return (model(rows[step, own], branched[own]) - wanted[step, own]).square().mean()

        run.fit(loss_of)
        drawn = {"drawn": torch.randn(3)} if ranks.size > 1 else {}
    return {**model.state_dict(), **{f"average.{k}": v for k, v in run.average.state_dict().items()}, **drawn}


def launch(words: list[str], environment: dict[str, str]) -> list[subprocess.Popen[str]]:
    """Two processes that train together, launched as a cluster's scheduler does it."""
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "PYTHONPATH": str(TREE)}
    return [
        subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **places, **environment, "RANK": str(rank), "LOCAL_RANK": str(rank),
                 "OMP_NUM_THREADS": "1"},
        )
        for rank in (0, 1)
    ]  # fmt: skip


def train_by_two(folder: Path, steps: int) -> list[dict[str, torch.Tensor]]:
    """:func:`train` in two processes over gloo."""
    script = (
        "import torch; from pathlib import Path; from tests.training import test_ranks as t; import os\n"
        "t.placement.cpu_has_fast_bfloat16 = lambda: False\n"
        f"torch.save(t.train(Path({str(folder)!r}), {steps}), {str(folder)!r} + os.environ['RANK'] + '.pt')"
    )
    for process in launch(["-c", script], {}):
        told = process.communicate(timeout=300)[1]
        assert process.returncode == 0, told[-3000:]
    return [torch.load(f"{folder}{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_two_processes_train_the_weights_of_one_that_sees_all_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "cpu_has_fast_bfloat16", lambda: False)  # rounding would hide what differs
    alone = train(tmp_path / "alone", STEPS)
    first, second = train_by_two(tmp_path / "together", STEPS)
    assert not torch.equal(first.pop("drawn"), second.pop("drawn"))  # each samples for itself
    assert first.keys() == second.keys() == alone.keys()
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), name
        assert torch.allclose(first[name], value, atol=1e-5), name
    torch.manual_seed(0)
    begun = Forked().state_dict()
    assert torch.equal(first["unused.weight"], begun["unused.weight"])  # no gradient anywhere: not even decayed
    assert not torch.allclose(first["branch.weight"], begun["branch.weight"], atol=1e-3)


@pytest.mark.slow
def test_a_stopped_training_by_two_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = train_by_two(tmp_path / "whole", 4)
    train_by_two(tmp_path / "parts", 2)
    parts = train_by_two(tmp_path / "parts", 4)
    for name in ("trunk.weight", "branch.weight", "average.head.weight", "seen"):
        assert torch.equal(parts[0][name], parts[1][name]), name
        assert torch.equal(parts[0][name], whole[0][name]), name
    saved = torch.load(tmp_path / "parts" / "checkpoint.pt", weights_only=True)
    assert saved["step"] == 4
    assert torch.equal(saved["module"]["trunk.weight"], parts[1]["trunk.weight"])


def test_one_process_alone_is_the_first_and_waits_for_nobody() -> None:
    with trained_together("cpu") as (ranks, device):
        ranks.wait()
        assert (ranks.first, ranks.size, device, ranks.seed(5), ranks.agree(0.25, torch.device("cpu"))) == (
            True, 1, "cpu", 5, 0.25,
        )  # fmt: skip


def test_a_process_that_is_gone_is_told_in_words() -> None:
    def talk() -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1\nand a trace")

    with pytest.raises(SettingsError, match=r"another process is gone \(Connection closed by peer .*last checkpoint"):
        Ranks()._told(talk)


def write_pictures(folder: Path) -> None:
    """A tiny data set with its splits."""
    rng, rows = np.random.default_rng(0), []
    for number, split in enumerate(("train", "train", "test")):
        path = folder / "aerial" / "uc_merced" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(np.kron(coarse, np.ones((16, 16, 1), np.uint8))).save(path)
        rows.append((str(path.relative_to(folder)), str(number), "field", split, "0"))
    with (folder / "splits.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "group", "label", "split", "sha256"), *rows])


@pytest.mark.slow
def test_torchrun_trains_a_stage_and_a_killed_process_ends_the_other(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    words = ["-m", "ssldiff_core.cli", "train", "aerial", "--stages", "autoencoder", "--device", "cpu"]
    words += ["--data", str(tmp_path), "--work", str(tmp_path / "work"), "-o", str(tmp_path / "model")]
    first, second = launch([*words, "--minutes", "0.3"], {})
    said, told = first.communicate(timeout=600)
    other = second.communicate(timeout=60)[0]
    assert (first.returncode, second.returncode) == (0, 0), told
    assert "PSNR" in said
    assert "PSNR" not in other
    assert (tmp_path / "work" / "autoencoder" / "weights" / "config.json").is_file()
    step = torch.load(tmp_path / "work" / "autoencoder" / "checkpoint.pt", weights_only=True)["step"]
    assert step > 0

    first, second = launch([*words, "--minutes", "30"], {})
    time.sleep(25)
    second.kill()
    second.communicate()
    told = first.communicate(timeout=120)[1]
    assert first.returncode == 2, told
    assert "goes on from the last checkpoint" in told
