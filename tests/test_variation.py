"""Variation and appearance in the whole story: what strength means, what stays when the other changes, and replay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssldiff_core import Manifest, Settings, generate
from ssldiff_core.diffusion.appearance import BandAppearance, StainAppearance
from ssldiff_core.diffusion.autoencoder import decode_canvas, encode_image
from ssldiff_core.diffusion.reference import Reference
from ssldiff_core.errors import ManifestError, SettingsError
from ssldiff_core.generate import finish, replay
from ssldiff_core.models.catalogue import load_model
from tests.test_generate import make_grid
from tests.ui.tiny_models import write_tiny_models

IMAGE = np.random.default_rng(1).integers(0, 256, (256, 384, 3), dtype=np.uint8)
BANDS = BandAppearance((90.0, 120.0, 150.0), (20.0, 10.0, 30.0), {"name": "autumn"})


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLDIFF_MODELS_DIR", str(write_tiny_models(tmp_path_factory.mktemp("models"))))
        yield


def draw(seed=3, steps=4, **given):
    *_, last = generate(make_grid(), Settings(seed=seed, steps=steps), **given)
    return last.result


def test_a_strength_of_0_is_the_autoencoders_reconstruction():
    network = load_model("tissue").autoencoder
    expected = decode_canvas(network, encode_image(network, IMAGE))
    np.testing.assert_array_equal(draw(reference=Reference(0.0, image=IMAGE)).image, expected)


def test_a_strength_of_1_is_an_ordinary_run():
    ordinary, forgotten = draw(), draw(reference=Reference(1.0, image=IMAGE))
    np.testing.assert_array_equal(forgotten.image, ordinary.image)
    assert torch.equal(forgotten.latents, ordinary.latents)


def test_the_stronger_the_further_from_the_reference():
    latents = encode_image(load_model("tissue").autoencoder, IMAGE)
    far = [(draw(reference=Reference(s, latents=latents)).latents - latents).norm() for s in (0.0, 0.25, 0.5, 0.75)]
    assert far == sorted(far)
    assert far[0] == 0


@pytest.mark.parametrize("engine", ["windowed", "shifted"])
@pytest.mark.parametrize("solver", ["dpm++", "euler", "unipc", "flow"])
def test_the_engines_in_windows_vary_by_the_same_laws(engine, solver):
    latents = encode_image(load_model("tissue").autoencoder, IMAGE)
    settings = Settings(seed=3, steps=5, engine=engine, solver=solver)

    def vary(strength):
        reference = None if strength is None else Reference(strength, latents=latents)
        steps = list(generate(make_grid(), settings, reference=reference))
        return steps[-1].result.latents, steps[-1].total - 1

    (kept, _), (little, few), (much, many), (forgotten, _), (ordinary, _) = map(vary, (0.0, 0.2, 0.7, 1.0, None))
    assert torch.equal(kept, latents)
    assert torch.equal(forgotten, ordinary)
    assert few < many < 5
    assert (little - latents).norm() < (much - latents).norm()


def test_the_authors_sampler_starts_from_noise_alone():
    with pytest.raises(SettingsError, match="begins with noise"):
        list(generate(make_grid(), Settings(engine="notebook", steps=1), reference=Reference(0.5, image=IMAGE)))


def test_another_seed_is_another_variation():
    one, other = (draw(seed, reference=Reference(0.5, image=IMAGE)).image for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_replay_of_a_variation_in_another_appearance_is_equal_to_the_bit(strength):
    reference = Reference(strength, image=IMAGE, source={"name": "a.png"})
    result = draw(reference=reference, appearance=BANDS, parents=("beef",))
    manifest = Manifest.from_json(result.manifest.to_json())
    assert manifest == result.manifest
    assert (manifest.reference["name"], manifest.parents, manifest.appearance["kind"]) == ("a.png", ("beef",), "bands")
    *_, again = replay(manifest)
    np.testing.assert_array_equal(again.result.image, result.image)


def test_a_manifest_without_its_reference_is_replayed_from_the_image_alone():
    result = draw(reference=Reference(0.5, image=IMAGE))
    manifest = replace(result.manifest, reference={**result.manifest.reference, "latents": None})
    with pytest.raises(ManifestError, match="does not hold its reference"):
        list(replay(manifest))
    *_, again = replay(manifest, reference_image=IMAGE)
    np.testing.assert_array_equal(again.result.image, result.image)


def test_the_digest_follows_reference_strength_and_appearance():
    given = [
        {}, {"reference": Reference(0.5, image=IMAGE)}, {"reference": Reference(0.75, image=IMAGE)},
        {"reference": Reference(0.5, image=IMAGE[::-1])}, {"appearance": BANDS},
    ]  # fmt: skip
    assert len({draw(steps=1, **one).manifest.digest for one in given}) == len(given)


def test_an_appearance_changes_colours_and_keeps_latents():
    plain, dressed = draw(), draw(appearance=BANDS)
    assert torch.equal(plain.latents, dressed.latents)
    np.testing.assert_allclose(dressed.image.mean((0, 1)), BANDS.means, atol=1.0)
    np.testing.assert_array_equal(dressed.image, BANDS.match(plain.image))


def test_another_seed_in_the_same_appearance_has_the_same_colours():
    images = [draw(seed, appearance=BANDS).image for seed in (0, 1)]
    assert not np.array_equal(*images)
    np.testing.assert_allclose(*(image.mean((0, 1)) for image in images), atol=1.0)


def test_an_image_whose_stains_cannot_be_told_keeps_its_colours_with_a_warning():
    stains = StainAppearance(((0.65, 0.7, 0.29), (0.07, 0.99, 0.11)), (1.0, 1.0), {})
    white = np.full((64, 64, 3), 255, np.uint8)
    with pytest.warns(UserWarning, match="stay as they are"):
        np.testing.assert_array_equal(stains.match(white), white)


@pytest.mark.parametrize("reference", [None, Reference(0.5, image=IMAGE)])
def test_a_finished_image_is_the_one_of_more_steps_and_names_its_preview(reference):
    fast = draw(steps=2, reference=reference, appearance=BANDS)
    *_, last = finish(Manifest.from_json(fast.manifest.to_json()), 5)
    np.testing.assert_array_equal(last.result.image, draw(steps=5, reference=reference, appearance=BANDS).image)
    assert last.result.manifest.parents == (fast.manifest.digest,)
    *_, again = replay(last.result.manifest)
    np.testing.assert_array_equal(again.result.image, last.result.image)
    assert again.result.manifest.digest == last.result.manifest.digest


def test_an_image_is_not_finished_in_fewer_steps():
    with pytest.raises(SettingsError, match="drawn in 4"):
        list(finish(draw().manifest, 4))
