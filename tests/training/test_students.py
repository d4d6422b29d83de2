"""The recipes that go on from trained networks: a sharper decoder, a student of few steps; at tiny size."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from ssldiff_core.models.native import NativeDenoiser
from ssldiff_core.models.native_autoencoder import NativeAutoencoder
from ssldiff_core.training.critics import PixelCritic, missed_detail
from ssldiff_core.training.data import CropSampler, TrainingImage
from ssldiff_core.training.denoiser import CachedImage, FieldCrops
from ssldiff_core.training.sharpen import DETAIL, SharpeningObjective, grids_of, sharpen_decoder, with_detail
from ssldiff_core.training.student import STUDENT_STEPS, LatentCritic, StudentObjective, train_student, whole_cells

CPU = torch.device("cpu")


@pytest.fixture
def images():
    """Random pictures with an edge every 8 px."""
    coarse = np.random.default_rng(0).integers(0, 256, (2, 24, 24, 3), dtype=np.uint8)
    return [
        TrainingImage(str(i), str(i), "", 1e-6, np.kron(part, np.ones((8, 8, 1), np.uint8)))
        for i, part in enumerate(coarse)
    ]


@pytest.fixture
def autoencoder():
    torch.manual_seed(0)
    return NativeAutoencoder(8, (8, 16), (8, 16), (1, 1), (1, 1), latent_mean=(0.1,) * 8, latent_std=(0.5,) * 8)


@pytest.fixture
def encoder():
    """A patch encoder's network of the native layout, with random weights."""
    torch.manual_seed(0)
    return timm.create_model(
        "resnet10t", pretrained=False, channels=[8, 8, 8, 8], stem_width=8, num_classes=6
    )  # fmt: skip


@pytest.fixture
def statistics():
    """Mean and deviation of the patch encoder's output."""
    return np.zeros(6, np.float32), np.ones(6, np.float32)


@pytest.fixture
def denoiser():
    torch.manual_seed(0)
    return NativeDenoiser(8, 6, (8, 16), (8, 16), (1, 2, 1), embedding=16, reading=8)


@pytest.fixture
def cached():
    generator = np.random.default_rng(1)
    latents = generator.standard_normal((8, 32, 32)).astype(np.float16)
    return [CachedImage(latents, generator.standard_normal((3, 3, 6)).astype(np.float16), 1e-6, 1.0)]


@pytest.fixture
def drawn():
    return [np.random.default_rng(2).standard_normal((8, 24, 16)).astype(np.float16)]


def test_sharpening_changes_the_decoder_alone_and_resumes(images, autoencoder, encoder, drawn, tmp_path):
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    sharp = sharpen_decoder(autoencoder, encoder, images, drawn, tmp_path, minutes=0.02, batch=2)
    after = sharp.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items() if name.startswith("encoder"))
    assert not torch.equal(before["decoder.0.weight"], after["decoder.0.weight"])
    assert after["decoder.5.gather.weight"].abs().max() > 0
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    sharpen_decoder(autoencoder, encoder, images, drawn, tmp_path, minutes=0.02, batch=2)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] > state["step"] > 0


def test_the_end_at_half_resolution_adds_nothing_before_it_is_trained(autoencoder):
    latents = torch.randn(1, 8, 6, 6)
    ended = with_detail(autoencoder)
    assert ended.config.decoder_detail == DETAIL
    assert with_detail(ended) is ended
    assert torch.equal(ended.decode(latents), autoencoder.decode(latents))


def test_the_critic_of_patches_sees_finest_detail_that_is_missing(images, encoder):
    critic = PixelCritic(encoder, CPU, lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    soft = torch.from_numpy(CropSampler(images, 64, 0).sample(8)).permute(0, 3, 1, 2).float() / 1275 - 0.1
    for _ in range(60):
        real = soft + 0.03 * torch.randn(soft.shape, generator=generator)
        told_apart = critic.teach(real, soft)
    assert told_apart < 1.0
    with torch.no_grad():
        assert critic.patches(real).mean() > critic.patches(soft).mean() + 0.5
        assert critic.fooled(real)[0] < critic.fooled(soft)[0]


def test_the_critics_eyes_stay_as_they_are(encoder):
    critic = PixelCritic(encoder, CPU)
    made = torch.rand(2, 3, 64, 64, requires_grad=True)
    critic.teach(torch.rand(2, 3, 64, 64), made)
    assert made.grad is None
    fooled, features = critic.fooled(made)
    fooled.backward()
    assert [part.shape[-1] for part in features] == [32, 16, 8, 4]
    assert made.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in critic.eyes.encoder.parameters())
    assert all(torch.equal(v, critic.eyes.encoder.state_dict()[k]) for k, v in encoder.state_dict().items())


def test_missed_detail_is_of_its_strength_and_not_of_where_it_lies():
    grain = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    other = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert missed_detail(grain, grain) == 0
    assert missed_detail(other, grain) < 0.3
    assert missed_detail(0.5 * grain, grain) == pytest.approx(np.log(2), abs=0.05)


def test_detail_too_much_in_a_smooth_place_counts_as_detail_missing_in_a_rough_one():
    grain = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    flat = torch.zeros_like(grain)
    assert missed_detail(0.1 * grain, flat) == pytest.approx(float(missed_detail(flat, 0.1 * grain)))
    assert missed_detail(0.1 * grain, flat) > 1.5
    assert missed_detail(0.001 * grain, flat) < 0.3


def test_drawn_crops_are_what_the_decoder_takes(images, autoencoder, encoder, drawn):
    objective = SharpeningObjective(autoencoder, encoder, CropSampler(images, 128, 0), drawn, 4, CPU)
    crops = objective._drawn(16)
    assert crops.shape == (4, 8, 16, 16)
    assert abs(float(crops.mean()) - 0.1) < 0.1
    assert abs(float(crops.std()) - 0.5) < 0.1


def test_grids_to_draw_are_of_whole_cells_of_large_enough_images(images):
    mean = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    small = TrainingImage("s", "s", "", 1e-6, np.zeros((100, 300, 3), np.uint8))
    grids = grids_of([*images, small], mean, (np.zeros(3, np.float32), np.ones(3, np.float32)), "tiny-1", 0)
    for _ in range(4):
        grid = next(grids)
        assert grid.shape_cell == (1, 1)
        assert grid.encoder_id == "tiny-1"
        assert abs(float(np.linalg.norm(grid.vectors)) - 1) < 1e-5


def test_the_critic_of_latents_looks_with_frozen_eyes(denoiser):
    critic = LatentCritic(denoiser)
    told = denoiser.tell(torch.zeros(2, 6, 8, 8), torch.ones(2, 1, 8, 8))
    scores = critic(torch.randn(2, 8, 8, 8), torch.full((2,), 0.5), told, torch.full((2,), 1e-6))
    assert [tuple(s.shape) for s in scores] == [(2, 1, 8, 8), (2, 1, 4, 4), (2, 1, 4, 4), (2, 1, 8, 8)]
    sum(s.sum() for s in scores).backward()
    assert all(p.grad is None for p in critic.eyes.parameters())
    assert any(p.grad is not None for p in critic.heads.parameters())


def test_a_student_draws_on_from_its_own_steps(denoiser, autoencoder, encoder, statistics, cached):
    crops = FieldCrops(cached, 32, 0, 0.0)
    objective = StudentObjective(denoiser, crops, 4, CPU, autoencoder, encoder, statistics)
    assert objective.levels == (1.0, 0.75, 0.5, 0.25, 0.0)
    assert len(objective.levels) == STUDENT_STEPS + 1
    noise, told = torch.randn(2, 8, 8, 8), denoiser.tell(torch.zeros(2, 6, 8, 8), torch.ones(2, 1, 8, 8))
    size = torch.full((2,), 1e-6)
    assert torch.equal(objective._drawn_so_far(noise, told, size, 0), noise)
    with torch.no_grad():
        first = noise - 0.25 * denoiser.velocity(noise, torch.ones(2), told, size)
        assert torch.allclose(objective._drawn_so_far(noise, told, size, 1), first, atol=1e-5)


def test_training_a_student_leaves_the_denoiser_as_it_was(
    denoiser, autoencoder, encoder, statistics, cached, tmp_path
):  # fmt: skip
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    made_of, options = (denoiser, autoencoder, encoder, statistics, cached, tmp_path), {"batch": 4, "crop_lat": 32}
    student = train_student(*made_of, minutes=0.02, **options)
    assert all(torch.equal(value, denoiser.state_dict()[name]) for name, value in before.items())
    assert any(not torch.equal(value, student.state_dict()[name]) for name, value in before.items())
    step = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    train_student(*made_of, minutes=0.02, **options)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] > step > 0


def test_whole_cells_are_where_the_field_says_they_are(cached):
    """A cell lies between its edges, half a cell from its centre, and the field there is its own embedding."""
    crops = FieldCrops(cached, 32, 3, 0.0)
    _, condition, _, place, _ = crops.sample(12)
    found = whole_cells(place)
    assert {index for index, _, _ in found} == set(range(12))
    own = torch.from_numpy(cached[0].embeddings.astype(np.float32)).reshape(-1, 6)
    for index, row, col in found:
        assert 0 <= row <= 16
        assert 0 <= col <= 16
        assert (place[index, :, row, col] % 1.0).tolist() == pytest.approx([0.53125] * 2)
        middle = condition[index, :, row + 7 : row + 9, col + 7 : col + 9].mean(dim=(1, 2))
        assert (middle - own).abs().amax(dim=1).min() < 0.3
    assert not whole_cells(place[..., :8])
    assert [index for index, _, _ in whole_cells(place, 2)] == [0, 2, 4, 6, 8, 10]


def test_what_is_read_back_pulls_towards_the_embedding_asked_for(denoiser, autoencoder, encoder, statistics, cached):
    crops = FieldCrops(cached, 32, 0, 0.0)
    objective = StudentObjective(denoiser, crops, 4, CPU, autoencoder, encoder, statistics)
    latents, condition, there, place, _ = crops.sample(4)
    cell = whole_cells(place)[0]
    with torch.no_grad():
        pixels = autoencoder.decode(torch.nn.functional.pad(latents, (2,) * 4, mode="reflect"))
        row, col = (8 * (start + 2) for start in cell[1:])
        read = encoder(pixels[cell[0] : cell[0] + 1, :, row : row + 128, col : col + 128])
    wanted = read.view(1, 6, 1, 1).expand_as(condition)
    torch.manual_seed(0)
    _, same = objective._judged_as_pixels(latents, latents[:1].expand_as(latents), wanted, there, place)
    made = latents.clone().requires_grad_(True)
    _, unlike = objective._judged_as_pixels(latents, made, -wanted, there, place)
    assert float(same.detach()) < 0.5 < 1.5 < float(unlike.detach())
    unlike.backward()
    assert made.grad is not None
    assert made.grad.abs().max() > 0
    _, nothing = objective._judged_as_pixels(latents, latents, -wanted, torch.zeros_like(there), place)
    assert float(nothing) == 0.0
