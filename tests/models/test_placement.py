"""Precision by the machine."""

from __future__ import annotations

import pytest
import torch

from ssldiff_core.models import placement


@pytest.mark.parametrize(("fast", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_training_is_mixed_only_where_the_processor_multiplies_bfloat16(
    monkeypatch: pytest.MonkeyPatch, fast: bool, kind: torch.dtype
) -> None:
    monkeypatch.setattr(placement, "cpu_has_fast_bfloat16", lambda: fast)
    weights = torch.zeros(4, 4)
    with placement.training_autocast(torch.device("cpu")):
        assert (weights @ weights).dtype is kind


def test_an_unknown_precision_is_told_with_those_there_are() -> None:
    with pytest.raises(Exception, match="float32, bfloat16, float16"):
        placement.choose_dtype(torch.device("cpu"), "int4")
