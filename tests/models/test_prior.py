"""The grid prior: what its network and its sampler promise, at a tiny size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ssldiff_core.errors import ModelError
from ssldiff_core.models.grid_prior import GridPriorNetwork, rotate
from ssldiff_core.models.prior import PriorSpec, load_prior, read_prior_spec, write_prior
from ssldiff_core.models.prior_sampling import WINDOW_CELLS, sample_grids
from tests.models.tiny_families import write_lrdm

DIM, TEXT = 8, 6


@pytest.fixture(scope="module")
def network() -> GridPriorNetwork:
    torch.manual_seed(0)
    return GridPriorNetwork(DIM, TEXT, width=16, depth=1, heads=2, hidden=16).eval()


def phrases(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, TEXT)).astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def sample(network: GridPriorNetwork, shape: tuple[int, int] = (3, 4), seeds=(1,), told=None, **more) -> np.ndarray:
    told = phrases(2) if told is None else told
    return sample_grids(network, told, phrases(0), shape, 0.3, seeds, guidance_scale=2.0, steps=4, **more)


def test_a_rotation_knows_only_the_difference_of_positions() -> None:
    query, key = torch.randn(2, 1, 1, 1, 8)
    at = [torch.tensor([[row, col]], dtype=torch.float32) for row, col in ((2, 3), (5, 1), (9, 13), (12, 11))]
    near = (rotate(query, at[0]) * rotate(key, at[1])).sum()
    far = (rotate(query, at[2]) * rotate(key, at[3])).sum()
    assert torch.allclose(near, far, atol=1e-4)


def test_each_step_is_told_before_it_and_what_is_raised_there_ends_the_sampling(network) -> None:
    steps = []

    def watch(done: int, total: int) -> None:
        steps.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(network, watch=watch)
    assert steps == [(0, 4), (1, 4), (2, 4)]


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (5, 3), (WINDOW_CELLS + 5, 2)])
def test_grids_of_any_shape_come_at_length_one(network, shape) -> None:
    vectors = sample(network, shape)
    assert vectors.shape == (1, *shape, DIM)
    assert np.allclose(np.linalg.norm(vectors, axis=-1), 1.0, atol=1e-5)


def test_a_candidate_is_the_same_alone_and_among_others(network) -> None:
    assert np.allclose(sample(network, seeds=(7, 8))[1], sample(network, seeds=(8,))[0], atol=1e-5)
    assert not np.allclose(sample(network, seeds=(7,)), sample(network, seeds=(8,)), atol=1e-2)


def test_fixed_cells_come_back_to_the_bit_and_move_their_neighbours(network) -> None:
    known = np.random.default_rng(3).standard_normal((3, 4, DIM)).astype(np.float32)
    valid = np.zeros((3, 4), dtype=bool)
    valid[0, 1] = True
    filled = sample(network, known=known, known_valid=valid)
    assert np.array_equal(filled[0, 0, 1], known[0, 1])
    assert not np.allclose(filled[0, 2], sample(network)[0, 2], atol=1e-4)


def test_the_order_of_phrases_does_not_matter(network) -> None:
    told = phrases(3)
    assert np.allclose(sample(network, told=told), sample(network, told=told[::-1].copy()), atol=1e-4)


def test_without_words_guidance_changes_nothing(network) -> None:
    one, two = (
        sample_grids(network, phrases(0), phrases(0), (2, 2), 0.3, (1,), guidance_scale=scale, steps=3)
        for scale in (1.0, 5.0)
    )
    assert np.allclose(one, two, atol=1e-4)


def test_a_layout_near_to_another_is_nearer_than_one_of_its_own(network) -> None:
    first = sample(network, seeds=(7,))
    near, own = sample(network, seeds=(20, 21, 22), like_seed=7), sample(network, seeds=(20, 21, 22))
    distance = [np.linalg.norm(found - first, axis=-1).mean() for found in (near, own)]
    assert 0.01 < distance[0] < 0.8 * distance[1]


def test_phrases_are_looked_at_along_what_tells_them_apart() -> None:
    generator = np.random.default_rng(0)
    subjects = generator.standard_normal((40, 16))
    places = 0.05 * generator.standard_normal((4, 16))
    told = torch.from_numpy((subjects[:, None] + places).reshape(-1, 16).astype(np.float32))
    network = GridPriorNetwork(DIM, 16, phrase_dim=16, width=16, depth=1, heads=2, hidden=16)
    told = torch.nn.functional.normalize(told, dim=1)
    network.set_phrase_space(told)
    seen = (told - network.phrase_mean) @ network.phrase_map
    assert seen.mean(dim=0).abs().max() < 1e-4
    assert 0.4 < seen.var(dim=0).min() <= seen.var(dim=0).max() < 1.1


def make_spec() -> PriorSpec:
    return PriorSpec("tiny-1", "all-MiniLM-L6-v2", (0.3,), 0.3, 2.0, {"sand": ("sand",)}, {"s": "sand"}, ("sand",))


def test_a_prior_is_written_and_read_and_is_no_part_of_what_draws(tmp_path, network) -> None:
    spec = write_lrdm(tmp_path / "model")
    folder, before = spec.folder, spec.digest
    prior = replace(make_spec(), encoder_id=spec.encoder_id)
    torch.manual_seed(1)
    write_prior(folder / "prior", prior, GridPriorNetwork(DIM, TEXT, width=16, depth=1, heads=2, hidden=16))
    assert read_prior_spec(folder / "prior") == prior
    assert spec.digest == before
    loaded = load_prior(spec)
    assert len(loaded.digest) == 64
    assert loaded.sample(phrases(1), phrases(0), (2, 2), 0.3, [0], guidance_scale=1.0, steps=2).shape == (1, 2, 2, DIM)


def test_a_prior_for_another_encoder_is_refused(tmp_path, network) -> None:
    spec = write_lrdm(tmp_path / "model")
    folder = spec.folder
    with pytest.raises(ModelError, match="without a grid prior"):
        load_prior(spec)
    write_prior(folder / "prior", make_spec(), GridPriorNetwork(DIM, TEXT, width=16, depth=1, heads=2, hidden=16))
    with pytest.raises(ModelError, match="tiny-1"):
        load_prior(spec)
    (folder / "prior" / "prior.json").write_text("{}")
    with pytest.raises(ModelError, match="malformed"):
        load_prior(spec)
