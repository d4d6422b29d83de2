"""One model's encoder, another's weights: refused with the reason, and possible by an adapter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.cli import main
from ssldiff_core.embeddings.grid_files import read_grid


@pytest.fixture
def other_encoder(models_dir: Path, tmp_path: Path) -> Path:
    """The folder of a second encoder, which sees the same in other numbers and patches of half the side."""
    import timm
    import torch

    from ssldiff_core.embeddings.encoder import save_patch_encoder
    from ssldiff_core.embeddings.spec import read_encoder_spec

    first = read_encoder_spec(models_dir / "tiny")
    facts = {**first.to_json(), "id": "other-1", "dim": 9, "patch_px": 64, "quantiles": None, "digest": ""}
    facts |= {"pixel_sizes_m": (1e-6,), "timm_args": {"num_classes": 9}}
    torch.manual_seed(3)
    save_patch_encoder(tmp_path / "other", type(first)(**facts), timm.create_model("test_resnet", num_classes=9))
    return tmp_path / "other"


def test_another_encoders_grid_is_refused_and_drawn_after_adapting(
    workplace: Path, other_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    tiles = np.random.default_rng(2).integers(0, 256, (20, 20, 3), dtype=np.uint8).repeat(64, 0).repeat(64, 1)
    Image.fromarray(tiles).save("large.png")
    scale = "--scene-pixel-size 0.5um --pixel-size"
    assert main(f"encode large.png {scale} 1um --encoder {other_encoder} -o other.npz -q".split()) == 0
    assert main(["generate", "other.npz", "--model", "tiny", "-o", "no.png"]) == 2
    told = capsys.readouterr().err
    assert "of the encoder 'other-1'" in told
    assert "ssldiff adapt" in told
    fit = f"adapt large.png {scale} 0.5um --from {other_encoder} --model tiny -o adapter.npz --json"
    assert main(fit.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["cells_fitted"] + facts["cells_held_out"] == 100
    assert facts["held_out_cosine"] > facts["baseline_cosine"] - 0.05
    assert main(["adapt", "other.npz", "--adapter", "adapter.npz", "-o", "adapted.h5"]) == 0
    assert f"cosine {facts['held_out_cosine']:.3f}" in capsys.readouterr().out
    adapted = read_grid("adapted.h5")
    assert (adapted.encoder_id, adapted.geometry.cell_px) == ("tiny-1", 128)
    assert main(["generate", "adapted.h5", "--model", "tiny", "--steps", "1", "--yes", "-q", "-o", "out.png"]) == 0
    assert Image.open("out.png").size == (1280, 1280)


def test_an_adapter_is_asked_for_in_one_of_three_ways(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line, told in (
        ("adapt -o a.npz", "--from ENCODER, or --pair"),
        ("adapt scene.png --scene-pixel-size 1um -o a.npz", "--from ENCODER"),
        ("adapt --adapter none.npz -o a.npz", "none was given"),
        ("adapt grid.npz --adapter none.npz -o a.npz", "no such file"),
    ):
        assert main(line.split()) == 2
        assert told in capsys.readouterr().err
