"""Laws of the encoders that users bring: how they are described, built, found, and refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.catalogue import get_encoder_spec, list_encoder_specs, list_encoders
from ssldiff_core.embeddings.encoder import TimmPatchEncoder, load_patch_encoder
from ssldiff_core.embeddings.entries import ENTRIES
from ssldiff_core.embeddings.spec import EncoderSpec
from ssldiff_core.embeddings.weights import find_weights, how_to_get
from ssldiff_core.errors import ModelError

from .conftest import FACTS

PARAMETERS = {
    "uni2-h": 681_394_176,
    "virchow2": 631_239_424,
    "prov-gigapath": 1_134_953_984,
    "dinov3-small": 21_586_944,
}
"""As their authors state them."""


def tiny(**facts: object) -> EncoderSpec:
    return EncoderSpec(**{**FACTS, "timm_args": {"num_classes": 0}, **facts})


@pytest.mark.slow
@pytest.mark.parametrize("spec", ENTRIES, ids=lambda spec: spec.id)
def test_every_entry_is_built_at_full_size_and_gives_its_dimension(spec: EncoderSpec) -> None:
    import torch

    from ssldiff_core.embeddings.networks import build_network, read_out

    with torch.device("meta"):
        network = build_network(spec).eval()
        output = network(torch.empty(2, 3, spec.input_px, spec.input_px))
    assert read_out(network, output, spec.readout).shape == (2, spec.dim)
    count = sum(weight.numel() for weight in network.parameters())
    assert count == PARAMETERS.get(spec.id, count)


@pytest.mark.slow
@pytest.mark.parametrize("spec", [s for s in ENTRIES if s.source.startswith("timm/")], ids=lambda spec: spec.id)
def test_facts_of_weights_that_timm_keeps_are_those_that_timm_states(spec: EncoderSpec) -> None:
    import timm

    facts = timm.get_pretrained_cfg(spec.source.removeprefix("timm/").partition(":")[0])
    assert (spec.mean, spec.std, spec.interpolation) == (facts.mean, facts.std, facts.interpolation)
    assert spec.licence.lower().replace(" ", "-") == facts.license


def test_every_entry_says_what_a_user_must_know() -> None:
    assert {"hipt-vits16", "phikon", "ctranspath", "uni", "uni2-h", "virchow2", "h-optimus-0"} < set(list_encoders())
    for spec in ENTRIES:
        assert spec.licence
        assert spec.domain
        assert ("accept the terms" in how_to_get(spec).lower()) == spec.gated
        assert "hf download" in how_to_get(spec) or "by hand" in how_to_get(spec)
        assert EncoderSpec(**spec.to_json()) == spec


def test_weights_that_are_not_here_are_told_with_the_command_before_anything_is_built() -> None:
    assert find_weights(get_encoder_spec("uni2-h")) is None
    with pytest.raises(ModelError, match=r"hf auth login.*hf download MahmoodLab/UNI2-h pytorch_model\.bin"):
        load_patch_encoder("uni2-h")


def test_a_download_is_refused_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="hf download timm/"):
        load_patch_encoder("dinov2-small", download=True)


def test_encoders_in_a_folder_of_ones_own_are_found(
    make_encoder: Callable[..., TimmPatchEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(make_encoder(id="mine-7").spec.weights).parent
    for root in (folder, folder.parent):  # an encoder's folder, or a folder of such
        monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(root))
        assert "mine-7" in list_encoders()
        assert get_encoder_spec("mine-7").weights == str(folder / "encoder.safetensors")
    assert "mine-7" in {spec.id for spec in list_encoder_specs()}


def write_checkpoint(path: Path, wrap: Callable[[dict], object], network: str = "test_vit") -> dict:
    import timm
    import torch

    torch.manual_seed(0)
    state = timm.create_model(network, num_classes=0).state_dict()
    torch.save(wrap(state), path)
    return state


def encoded(spec: EncoderSpec, path: Path, folder: Path) -> np.ndarray:
    import json

    patches = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    facts = {key: value for key, value in spec.to_json().items() if key != "source"}
    (folder / "encoder.json").write_text(json.dumps(facts))
    return load_patch_encoder(folder / "encoder.json", weights=path).encode(patches)


VIT = {"timm_name": "test_vit", "patch_px": 160, "input_px": 160, "dim": 64}


def test_the_layouts_of_checkpoints_lead_to_the_same_embeddings(tmp_path: Path) -> None:
    spec, plain = tiny(**VIT), tmp_path / "plain.pth"
    write_checkpoint(plain, lambda state: state)
    expected = encoded(spec, plain, tmp_path)
    assert expected.shape == (3, 64)
    for name, wrap in {
        "dino.pth": lambda s: {"args": argparse.Namespace(lr=1), "epoch": 3, "teacher": dino(s)},
        "model.bin": lambda s: {"model": {**s, "head.weight": s["norm.weight"]}},
        "transformers.bin": to_transformers,
    }.items():
        write_checkpoint(tmp_path / name, wrap)
        np.testing.assert_array_equal(encoded(spec, tmp_path / name, tmp_path), expected, err_msg=name)


def dino(state: dict) -> dict:
    named = {f"module.backbone.{name}": value for name, value in state.items()}
    return {**named, "module.head.mlp.0.weight": state["norm.weight"]}


def to_transformers(state: dict) -> dict:
    """The names that transformers' ViTModel has."""
    names = {
        "cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection", "norm.": "layernorm.",
        "norm1": "layernorm_before",
        "norm2": "layernorm_after", "attn.proj": "attention.output.dense", "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense", "blocks.": "encoder.layer.",
    }  # fmt: skip
    out = {}
    for name, value in state.items():
        new = name
        for ours, theirs in names.items():
            new = new.replace(ours, theirs)
        if ".qkv." in name:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                out[new.replace("attn.qkv", f"attention.attention.{part}")] = third.clone()
        else:
            out[new] = value
    return out


def test_an_old_swin_checkpoint_fits_the_network_of_ctranspath(tmp_path: Path) -> None:
    import re

    import torch

    from ssldiff_core.embeddings.networks import build_network
    from ssldiff_core.embeddings.weights import load_weights

    torch.manual_seed(0)
    spec = get_encoder_spec("ctranspath")
    network = build_network(spec)
    state = network.state_dict()
    old = {re.sub(r"layers\.(\d)\.down", lambda m: f"layers.{int(m[1]) - 1}.down", k): v for k, v in state.items()}
    extra = {
        "layers.0.blocks.1.attn_mask": torch.zeros(1),
        "layers.0.blocks.0.attn.relative_position_index": torch.ones(1),
    }
    torch.save({"model": {**old, **extra}}, tmp_path / "ctranspath.pth")
    again = build_network(spec)
    load_weights(again, tmp_path / "ctranspath.pth", "try")
    assert all(torch.equal(value, state[name]) for name, value in again.state_dict().items())
    assert again.eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 768)


def test_what_differs_in_a_wrong_checkpoint_is_named(tmp_path: Path) -> None:
    def spoil(state: dict) -> dict:
        out = {name: value for name, value in state.items() if name != "norm.bias"}
        return {**out, "cls_token": state["cls_token"][..., :5], "adapter.weight": state["norm.weight"]}

    write_checkpoint(tmp_path / "wrong.pth", spoil)
    with pytest.raises(ModelError) as told:
        encoded(tiny(**VIT), tmp_path / "wrong.pth", tmp_path)
    for part in (
        "1 missing (norm.bias)",
        "1 without a place (adapter.weight)",
        "cls_token is (1, 1, 5) and not (1, 1, 64)",
    ):
        assert part in str(told.value)


class Runs:
    def __reduce__(self) -> tuple:
        return (Path("/nonexistent").touch, ())


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": {}, "callback": Runs()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="without running code"):
        encoded(tiny(**VIT), tmp_path / "evil.pth", tmp_path)


def test_the_mean_of_patch_tokens_stands_beside_the_class_token(tmp_path: Path) -> None:
    import timm
    import torch

    write_checkpoint(tmp_path / "plain.pth", lambda state: state)
    args = {"num_classes": 0, "global_pool": ""}
    both = encoded(tiny(**{**VIT, "dim": 128}, timm_args=args, readout="class+mean"), tmp_path / "plain.pth", tmp_path)
    network = timm.create_model("test_vit", num_classes=0, global_pool="").eval()
    network.load_state_dict(torch.load(tmp_path / "plain.pth"))
    patches = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    with torch.inference_mode():
        tokens = network(torch.from_numpy(patches).permute(0, 3, 1, 2) / 127.5 - 1)
    np.testing.assert_allclose(both[:, :64], tokens[:, 0], atol=1e-5)
    np.testing.assert_allclose(both[:, 64:], tokens[:, 1:].mean(1), atol=1e-5)


def test_only_the_centre_is_seen_where_a_larger_image_is_cut(make_encoder: Callable[..., TimmPatchEncoder]) -> None:
    patch = np.random.default_rng(1).integers(0, 256, (1, 48, 48, 3), dtype=np.uint8)
    cut = make_encoder(patch_px=48, resize_px=48).encode(patch)
    np.testing.assert_allclose(cut, make_encoder().encode(patch[:, 8:40, 8:40]), atol=1e-5)


def test_a_model_may_want_other_patches_than_the_encoders_own(make_encoder: Callable[..., TimmPatchEncoder]) -> None:
    folder = Path(make_encoder().spec.weights).parent
    wider = load_patch_encoder(folder, patch_px=64)
    assert wider.encode(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 6)
    assert wider.digest != load_patch_encoder(folder).digest
