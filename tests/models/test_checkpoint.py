"""Checkpoints are read, never run."""

from __future__ import annotations

import os
import sys
import types
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from ssldiff_core.errors import ModelError
from ssldiff_core.models.checkpoint import read_checkpoint

WEIGHTS = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2, dtype=torch.float16)}


class RunsCommand:
    """Unpickled by pickle itself, it would make a file."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.fixture
def gone_class(monkeypatch):
    """A class of a module that is no longer there when the checkpoint is read."""
    module = types.ModuleType("gone_library")
    exec(
        "class Callback(dict):\n    def __init__(self): self.seen = [1]\n"
        "class Meter(list): pass\n"
        "class Mode:\n    def __reduce__(self): return getattr, (Callback, 'keys')\n",
        module.__dict__,
    )
    for kind in (module.Callback, module.Meter, module.Mode):
        kind.__module__ = "gone_library"
    monkeypatch.setitem(sys.modules, "gone_library", module)
    yield module
    monkeypatch.delitem(sys.modules, "gone_library", raising=False)


def assert_weights(found: dict[str, torch.Tensor]) -> None:
    assert set(found) == set(WEIGHTS)
    for name, value in WEIGHTS.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)


def test_only_the_state_dict_is_kept(tmp_path: Path) -> None:
    torch.save({"state_dict": OrderedDict(WEIGHTS), "epoch": 3, "optimizer_states": [torch.ones(9)]}, tmp_path / "a")
    assert_weights(read_checkpoint(tmp_path / "a"))


def test_a_class_that_is_not_installed_is_passed_over(tmp_path: Path, gone_class, monkeypatch) -> None:
    callback = gone_class.Callback()
    callback["best"] = 1.0
    extras = {"callbacks": {"c": callback, "m": gone_class.Meter([1, 2])}, "mode": gone_class.Mode()}
    parameters = {name: torch.nn.Parameter(value) for name, value in WEIGHTS.items()}
    torch.save({"hyper_parameters": extras, "state_dict": parameters, "last": callback}, tmp_path / "a.ckpt")
    monkeypatch.delitem(sys.modules, "gone_library")
    assert_weights(read_checkpoint(tmp_path / "a.ckpt"))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, legacy: bool) -> None:
    trace = tmp_path / "trace"
    content = {"callbacks": RunsCommand(f"touch {trace}"), "state_dict": WEIGHTS}
    torch.save(content, tmp_path / "a.ckpt", _use_new_zipfile_serialization=not legacy)
    if legacy:
        with pytest.raises(ModelError):
            read_checkpoint(tmp_path / "a.ckpt")
    else:
        assert_weights(read_checkpoint(tmp_path / "a.ckpt"))
    assert not trace.exists()


def test_code_in_the_place_of_a_weight_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"state_dict": {"layer.weight": RunsCommand(f"touch {trace}")}}, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=r"layer\.weight"):
        read_checkpoint(tmp_path / "a.ckpt")
    assert not trace.exists()


@pytest.mark.parametrize("kept", [0, 10, 700])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "a.ckpt"
    torch.save({"state_dict": WEIGHTS}, file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match="Compare its size"):
        read_checkpoint(file)


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match="no state_dict"):
        read_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match="no such file"):
        read_checkpoint(tmp_path / "b.ckpt")
