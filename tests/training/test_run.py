"""What every recipe shares."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ssldiff_core.models import placement
from ssldiff_core.training.run import Budget, TrainingRun


def test_muon_multiplies_in_float32_where_bfloat16_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from timm.optim import muon

    monkeypatch.setattr(placement, "cpu_has_fast_bfloat16", lambda: False)
    monkeypatch.setattr(muon, "zeropower_via_newtonschulz", muon.zeropower_via_newtonschulz)  # put back at the end
    seen = []
    product = torch.addmm
    monkeypatch.setattr(torch, "addmm", lambda *words, **named: (seen.append(words[0].dtype), product(*words, **named)))
    torch.manual_seed(0)
    layer = nn.Linear(8, 4)
    run = TrainingRun(layer, tmp_path, Budget(1.0, steps=2), device=torch.device("cpu"))
    run.fit(lambda step: layer(torch.ones(3, 8)).square().mean())
    assert set(seen) == {torch.float32}
    assert run.step == 2


def test_a_budget_is_measured_by_its_clock(tmp_path: Path) -> None:
    """A clock that each reading moves on by 10 s ends a budget of a minute, however long the steps took."""
    readings = iter(range(0, 10_000, 10))
    layer = nn.Linear(2, 2)
    budget = Budget(1.0, clock=lambda: float(next(readings)))
    run = TrainingRun(layer, tmp_path, budget, device=torch.device("cpu"), optimizer="adamw")
    run.fit(lambda step: layer(torch.ones(1, 2)).square().mean())
    assert run.step == 3
    assert run.seconds == 60.0
