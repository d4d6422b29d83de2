"""Laws of the border error: what is cut and pasted is found where it was cut, and what is moved is found moved."""

from __future__ import annotations

import numpy as np
import pytest

from ssldiff_core.evaluation.borders import _classifiers, _random_border, displacements, region_mask

SIDE = 384


@pytest.fixture(scope="module")
def drawings() -> dict[str, np.ndarray]:
    """Two textures of one colour, fine and coarse, and one that is like the first."""
    rng = np.random.default_rng(0)
    fine, again = (rng.normal(128, 30, (SIDE, SIDE)) for _ in range(2))
    coarse = rng.normal(128, 30, (SIDE // 4, SIDE // 4)).repeat(4, 0).repeat(4, 1)
    return {
        name: np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)
        for name, grey in {"coarse": coarse, "fine": fine, "fine too": again}.items()
    }


def test_pairs_that_look_alike_are_left_out(drawings) -> None:
    kept, left_out = _classifiers(drawings)
    assert sorted(kept) == [("coarse", "fine"), ("coarse", "fine too")]
    assert left_out == 1


@pytest.mark.parametrize("moved", [0, 12])
def test_a_border_is_found_where_it_is(drawings, moved: int) -> None:
    odds = _classifiers(drawings)[0]["coarse", "fine"]
    rng, found = np.random.default_rng(3), []
    for _ in range(4):
        mask = region_mask(_random_border(rng, 3), 3, 128)
        here = mask
        if moved:
            from scipy import ndimage

            here = ndimage.distance_transform_edt(~mask) <= moved
        pasted = np.where(here[..., None], drawings["fine"], drawings["coarse"])
        found.append(displacements(odds(pasted), mask))
    found = np.concatenate(found)
    assert len(found) > 100
    assert abs(np.median(found) - moved) < 2.5
    assert np.percentile(np.abs(found - moved), 90) < 6
