"""Laws of patch encoders and of the files that describe them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssldiff_core.embeddings.catalogue import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    EncoderSpec,
    check_pixel_size,
    get_encoder_spec,
    list_encoders,
)
from ssldiff_core.embeddings.encoder import TimmPatchEncoder, load_patch_encoder
from ssldiff_core.errors import GridError, ModelError

from .conftest import FACTS

MakeEncoder = Callable[..., TimmPatchEncoder]


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def test_an_embedding_is_the_networks_output_on_normalised_pixels(
    make_encoder: MakeEncoder, patches: np.ndarray
) -> None:
    import timm
    import torch

    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=6).eval()
    pixels = torch.from_numpy(patches).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        expected = network(pixels).numpy()
    raw = make_encoder().encode(patches)
    assert raw.dtype == np.float32
    np.testing.assert_allclose(raw, expected, atol=1e-5)
    mean, std = [1.0] * 6, [0.5] * 6
    standardised = make_encoder(embedding_mean=mean, embedding_std=std)
    np.testing.assert_allclose(standardised.encode(patches), (expected - 1) / 0.5, atol=1e-4)
    unit = make_encoder(normalise=True).encode(patches)
    np.testing.assert_allclose(unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_a_patch_is_embedded_alike_alone_and_in_company(encoder: TimmPatchEncoder, patches: np.ndarray) -> None:
    many = np.concatenate([patches] * 15)
    np.testing.assert_allclose(encoder.encode(many)[70], encoder.encode(patches[:1])[0], atol=1e-5)
    assert encoder.encode(patches[:0]).shape == (0, 6)


def test_batch_norm_is_folded_and_the_network_computes_the_same(patches: np.ndarray) -> None:
    import timm
    import torch
    from torch import nn

    from ssldiff_core.embeddings.networks import fold_batch_norms

    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=6).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    pixels = torch.from_numpy(patches).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        expected = network(pixels)
        count = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert fold_batch_norms(network) == count > 3
        torch.testing.assert_close(network(pixels), expected, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_convolution_that_others_look_at_keeps_its_batch_norm() -> None:
    import torch
    from torch import nn

    from ssldiff_core.embeddings.networks import fold_batch_norms

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen = self.convolution(x)
            return self.norm(seen) + seen  # type: ignore[no-any-return]

    class Choosing(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.sum() > 0 else x  # type: ignore[no-any-return]

    assert fold_batch_norms(Twice().eval()) == 0
    assert fold_batch_norms(Choosing(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval()) == 0


def test_bfloat16_is_near_and_says_so_in_the_digest(encoder: TimmPatchEncoder, patches: np.ndarray) -> None:
    folder = Path(encoder.spec.weights).parent
    fast = load_patch_encoder(folder, precision="bfloat16")
    exact, near = encoder.encode(patches), fast.encode(patches)
    assert near.dtype == np.float32
    cosine = (exact * near).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(near, axis=1)
    assert cosine.min() > 0.995
    assert not np.array_equal(exact, near)
    assert fast.digest != encoder.digest
    with pytest.raises(ModelError, match="no such precision"):
        load_patch_encoder(folder, precision="int3")


def test_an_embedding_does_not_depend_on_how_many_there_are(encoder: TimmPatchEncoder, patches: np.ndarray) -> None:
    many = np.concatenate([patches] * 8)  # 40 patches: a whole batch, and eight
    whole = encoder.encode(many)
    for count in (1, 3, 33):
        np.testing.assert_allclose(encoder.encode(many[:count]), whole[:count], atol=1e-6)


@pytest.mark.parametrize(
    "facts", [{"input_px": 48}, {"timm_name": "test_vit", "timm_args": {"num_classes": 6, "img_size": 32}}]
)
def test_any_timm_network_and_input_size_serves(
    make_encoder: MakeEncoder, patches: np.ndarray, facts: dict[str, object]
) -> None:
    assert make_encoder(**facts).encode(patches).shape == (5, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 16, 32, 3), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 4), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
    ],
)
def test_patches_of_another_shape_or_type_are_refused(encoder: TimmPatchEncoder, wrong: np.ndarray) -> None:
    with pytest.raises(GridError, match="uint8 RGB"):
        encoder.encode(wrong)


def test_values_that_are_not_finite_never_leave_an_encoder(make_encoder: MakeEncoder, patches: np.ndarray) -> None:
    broken = make_encoder()
    next(iter(broken._network.parameters())).fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        broken.encode(patches)


def test_a_network_of_another_dimension_is_refused(make_encoder: MakeEncoder, patches: np.ndarray) -> None:
    with pytest.raises(ModelError, match="dim is 7"):
        make_encoder(dim=7).encode(patches)


def test_the_digest_follows_weights_and_arithmetic_not_notes(make_encoder: MakeEncoder) -> None:
    same = {make_encoder().digest, make_encoder(licence="other").digest, make_encoder(pixel_sizes_m=[1.0]).digest}
    others = {make_encoder(normalise=True).digest, make_encoder(mean=[0.4] * 3).digest}
    assert len(same) == 1
    assert len(same | others) == 3


def test_weights_that_are_missing_broken_or_of_another_training_are_told(encoder: TimmPatchEncoder) -> None:
    folder = Path(encoder.spec.weights).parent
    weights, config = folder / WEIGHTS_NAME, folder / CONFIG_NAME
    whole, text = weights.read_bytes(), config.read_text()
    try:
        weights.write_bytes(whole[:-4] + b"\1\2\3\4")
        with pytest.raises(ModelError, match="same training"):
            load_patch_encoder(folder)
        config.write_text(json.dumps({**json.loads(text), "digest": ""}))
        weights.write_bytes(whole[:500])
        with pytest.raises(ModelError, match="broken"):
            load_patch_encoder(config)
        weights.unlink()
        with pytest.raises(ModelError, match="missing"):
            load_patch_encoder(config)
        for content in ("{", "[]", '{"id": "a"}', json.dumps({**json.loads(text), "dim": 0})):
            config.write_text(content)
            with pytest.raises(ModelError):
                load_patch_encoder(folder)
        weights.write_bytes(whole)
        config.write_text(json.dumps({**json.loads(text), "timm_name": "no_such_network"}))
        with pytest.raises(ModelError, match="no_such_network"):
            load_patch_encoder(folder)
    finally:
        weights.write_bytes(whole)
        config.write_text(text)


def test_an_unknown_encoder_names_the_known() -> None:
    known = list_encoders()
    assert len(known) == len(set(known))
    with pytest.raises(ModelError, match=", ".join(known)):
        get_encoder_spec("nobodys-encoder")


def test_notes_in_a_description_are_left_alone_and_a_null_is_none(tmp_path: Path) -> None:
    spec = EncoderSpec(**FACTS)
    facts = {**spec.to_json(), "trained_minutes": 30, "embedding_mean": None, "embedding_std": None}
    (tmp_path / CONFIG_NAME).write_text(json.dumps(facts))
    from ssldiff_core.embeddings.catalogue import read_encoder_spec

    assert read_encoder_spec(tmp_path).to_json() == spec.to_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"std": (1, 0, 1)},
        {"mean": (1, 2)},
        {"pixel_sizes_m": ()},
        {"embedding_mean": (1.0,)},
        {"embedding_std": [0] * 6},
    ],
)
def test_facts_that_contradict_each_other_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        EncoderSpec(**{**FACTS, **wrong})


def test_a_pixel_size_is_refused_beyond_a_quarter_outside_the_trained_range() -> None:
    for fine in (4e-7, 5e-7, 8e-7, 1e-6, 1.25e-6):
        check_pixel_size(fine, (1e-6, 5e-7), "tiny-1")
    for wrong, nearest in ((3.9e-7, "0.5 µm"), (1.26e-6, "1 µm"), (float("nan"), "0.5 µm"), (0.3, "1 µm")):
        with pytest.raises(GridError, match=f"nearest is {nearest}"):
            check_pixel_size(wrong, (1e-6, 5e-7), "tiny-1")
