"""Distances between sets of features: against torch-fidelity, by closed forms, and as streams."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssldiff_core.errors import GridError
from ssldiff_core.evaluation.frechet import frechet_distance
from ssldiff_core.evaluation.intervals import bootstrap_of_mean, half_sample_intervals
from ssldiff_core.evaluation.kernels import kernel_distance
from ssldiff_core.evaluation.moments import MomentStream, moments_of
from ssldiff_core.evaluation.neighbourhoods import Distances, neighbourhood_figures


@pytest.fixture(scope="module")
def sets():
    """Two sets of correlated features, of unequal size, one moved and wider."""
    generator = np.random.default_rng(3)
    mix = generator.standard_normal((24, 24))
    real = generator.standard_normal((500, 24)) @ mix
    return real.astype(np.float32), (generator.standard_normal((400, 24)) @ mix * 1.2 + 0.7).astype(np.float32)


def test_the_frechet_distance_is_that_of_torch_fidelity(sets):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    wanted = fid_statistics_to_metric(*(fid_features_to_statistics(torch.from_numpy(s)) for s in sets), False)
    assert frechet_distance(*sets) == pytest.approx(wanted["frechet_inception_distance"], rel=1e-3)


def test_the_kernel_distance_is_that_of_torch_fidelity(sets):
    from torch_fidelity.metric_kid import kid_features_to_metric

    first, second = (torch.from_numpy(s[:300]) for s in sets)
    wanted = kid_features_to_metric(first, second, kid_subsets=1, kid_subset_size=300, verbose=False)
    found = kernel_distance(sets[0][:300], sets[1][:300])
    assert found == pytest.approx(wanted["kernel_inception_distance_mean"], rel=1e-3)


def test_precision_and_recall_are_those_of_torch_fidelity(sets):
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, generated = sets
    options = {"prc_neighborhood": 3, "prc_batch_size": 1000, "save_cpu_ram": False, "verbose": False}
    wanted = prc_features_to_metric(torch.from_numpy(generated), torch.from_numpy(real), **options)
    found = neighbourhood_figures(Distances.between(real, generated))
    assert found["precision"] == pytest.approx(wanted["precision"], abs=1e-3)
    assert found["recall"] == pytest.approx(wanted["recall"], abs=1e-3)
    assert 0 < found["precision"] < 1


def test_density_and_coverage_are_1_for_the_same_law_and_0_for_another_place():
    generator = np.random.default_rng(0)
    real, same = generator.standard_normal((2, 800, 8))
    figures = neighbourhood_figures(Distances.between(real, same))
    assert figures["density"] == pytest.approx(1.0, abs=0.1)
    assert figures["coverage"] == pytest.approx(1 - 0.5**5, abs=0.05)
    assert set(neighbourhood_figures(Distances.between(real, same + 100)).values()) == {0.0}


def test_a_stream_has_the_moments_of_the_whole_set(sets):
    features = sets[0] + 1e4
    stream = MomentStream()
    for start in range(0, 500, 64):
        stream.add(features[start : start + 64])
    wanted = features.astype(np.float64)
    assert np.allclose(stream.moments().mean, wanted.mean(axis=0))
    assert np.allclose(stream.moments().covariance, np.cov(wanted, rowvar=False), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.full((3, 24), np.nan), np.zeros((3, 5))])
def test_a_stream_refuses_what_is_not_finite_or_does_not_fit(sets, bad):
    stream = MomentStream()
    stream.add(sets[0])
    with pytest.raises(GridError, match="finite"):
        stream.add(bad)


def test_sets_too_small_are_refused_by_name():
    one = np.zeros((1, 4))
    for measure in (lambda: moments_of(one), lambda: kernel_distance(one, one), lambda: Distances.between(one, one)):
        with pytest.raises(GridError, match=r"two|more than"):
            measure()


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """100 sets of normal features against one of another mean: the kernel distance's expectation lies inside."""
    generator, hits = np.random.default_rng(1), 0
    draws = [generator.standard_normal((2, 60, 3)) + np.array([0.0, 0.5])[:, None, None] for _ in range(100)]
    truth = np.mean([kernel_distance(*draw) for draw in draws])
    groups = (np.arange(60), np.arange(60))
    for real, generated in draws:
        estimate = {"distance": kernel_distance(real, generated)}
        found = half_sample_intervals(
            lambda a, b, x=real, y=generated: {"distance": kernel_distance(x[a], y[b])}, estimate, groups, draws=60
        )
        hits += found["distance"][0] <= truth <= found["distance"][1]
    assert 85 <= hits <= 100


def test_patches_of_one_image_count_as_one_in_an_interval():
    values, groups = np.repeat(np.random.default_rng(0).standard_normal(20), 50), np.repeat(np.arange(20), 50)
    alone, together = bootstrap_of_mean(values), bootstrap_of_mean(values, groups)
    assert together[1] - together[0] > 5 * (alone[1] - alone[0])
    assert together[0] < values.mean() < together[1]
    assert half_sample_intervals(lambda a, b: {}, {"x": 0.0}, (np.zeros(9, int), groups), draws=10) == {}
