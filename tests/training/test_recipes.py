"""The recipes learn, resume and leave a model folder that draws; at tiny size, with real classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.models.native_autoencoder import NativeAutoencoder
from ssldiff_core.training.autoencoder import AutoencoderObjective, measure_latents
from ssldiff_core.training.data import CropSampler, TrainingImage, dihedral
from ssldiff_core.training.denoiser import CachedImage, FieldCrops
from ssldiff_core.training.patch_encoder import PatchEncoderNetwork, missed_share, patches_on_lattice
from ssldiff_core.training.run import Budget, TrainingRun


@pytest.fixture
def images():
    """Soft random pictures."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)
    return [
        TrainingImage(str(i), str(i), "", 1e-6, np.kron(part, np.ones((8, 8, 1), np.uint8)))
        for i, part in enumerate(coarse)
    ]


def tiny_run(images, folder, steps):
    torch.manual_seed(0)
    model = NativeAutoencoder(4, (8, 16), (8, 16), (1, 1), (1, 1))
    run = TrainingRun(
        model, folder, Budget(1, steps, lr=5e-3, warmup_steps=2), device=torch.device("cpu"), ema_decay=0.5
    )
    return model, run, AutoencoderObjective(model, CropSampler(images, 32, 0), 4, torch.device("cpu"))


def test_training_lowers_the_loss_and_stops_at_its_budget(images, tmp_path):
    _, run, objective = tiny_run(images, tmp_path, 25)
    before = np.mean([objective(0).item() for _ in range(4)])
    run.fit(objective)
    assert run.step == 25
    assert np.mean([objective(0).item() for _ in range(4)]) < 0.8 * before


def test_a_run_resumes_from_its_checkpoint(images, tmp_path):
    _, run, objective = tiny_run(images, tmp_path, 3)
    run.fit(objective)
    model, again, _ = tiny_run(images, tmp_path, 3)
    assert again.step == 3
    assert all(torch.equal(a, b) for a, b in zip(run.module.parameters(), model.parameters(), strict=True))


def test_measured_latents_are_standardised(images):
    torch.manual_seed(0)
    model = NativeAutoencoder(4, (8, 16), (8, 16), (1, 1), (1, 1))
    measure_latents(model, CropSampler(images, 32, 0), torch.device("cpu"), batches=8)
    pixels = torch.from_numpy(CropSampler(images, 32, 0).sample(64)).permute(0, 3, 1, 2).float() / 127.5 - 1
    latents = model.encode(pixels)
    assert latents.mean((0, 2, 3)).abs().max() < 0.2
    assert (latents.std((0, 2, 3)) - 1).abs().max() < 0.2
    assert np.shape(model.config.latent_rgb) == (3, 5)


def test_the_eight_turns_differ_and_keep_every_pixel():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    turned = [dihedral(pixels, index) for index in range(8)]
    assert len({part.tobytes() for part in turned}) == 8
    assert all(np.array_equal(np.sort(part, None), np.sort(pixels, None)) for part in turned)


def test_patches_lie_on_their_lattice():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 260, 3), dtype=np.uint8)
    patches = patches_on_lattice(pixels, 64)
    assert patches.shape == (2, 3, 128, 128, 3)
    assert np.array_equal(patches[1, 2], pixels[64:192, 128:256])


def test_the_field_of_a_crop_is_the_embedding_at_a_cell_centre():
    """With one embedding everywhere but at one lattice node, the crop's field there is that node's."""
    embeddings = np.zeros((5, 5, 4), np.float16)
    embeddings[..., 0] = 1
    embeddings[2, 2] = (0, 1, 0, 0)
    image = CachedImage(np.zeros((8, 48, 48), np.float16), embeddings, 1e-6, 1.0)
    crops = FieldCrops([image], crop_lat=48, seed=0, field_noise=0.0)
    seen = []
    for _ in range(12):
        _, conditions, _, places, sizes = crops.sample(1)
        assert sizes[0] == pytest.approx(1e-6)
        centre = conditions[0, :, 23:25, 23:25].mean((1, 2))  # the patch at lattice (2, 2) is centred at latent 24
        seen.append(float(centre[1]))
        offset = (places[0, :, 23:25, 23:25] + 0.5) % 1.0 - 0.5  # 0 at cell centres
        assert (seen[-1] > 0.95) == bool(offset.abs().max() < 0.1)
    assert max(seen) > 0.95  # where the phase puts a cell there
    assert min(seen) < 0.05  # where it does not


def test_the_encoder_learns_to_give_the_thumbnail_of_its_patch():
    torch.manual_seed(0)
    network = PatchEncoderNetwork()
    pixels = torch.rand(8, 3, 1, 2).repeat_interleave(128, 2).repeat_interleave(64, 3) * 2 - 1  # two colours each
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(15):
        loss = missed_share(network(pixels)[1], pixels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
