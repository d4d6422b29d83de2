"""From a sentence to grids and an image: what a request promises, with tiny models and with the shipped priors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ssldiff_core as ssldiff
from ssldiff_core.errors import GridError, ModelError, SettingsError
from ssldiff_core.models.catalogue import get_model_spec
from ssldiff_core.text_to_grid import TextRequest, generate_from_text, propose_grids
from tests.ui.tiny_models import write_tiny_models

HOUSES = TextRequest("houses on the left, a river on the right", "aerial", (512, 256), seed=3, steps=4)


@pytest.fixture(scope="module")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def tiny(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLDIFF_MODELS_DIR", str(tiny_models))


@pytest.mark.usefixtures("tiny")
def test_candidates_are_the_layouts_of_the_seeds_that_follow() -> None:
    several = propose_grids(replace(HOUSES, candidates=3))
    assert [grid.source["text"]["seed"] for grid in several.grids] == [3, 4, 5]
    assert several.grids[0].shape_cell == (2, 4)
    alone = propose_grids(replace(HOUSES, seed=5)).grids[0]
    assert np.allclose(several.grids[2].vectors, alone.vectors, atol=1e-5)
    assert not np.allclose(several.grids[0].vectors, alone.vectors, atol=1e-2)


@pytest.mark.usefixtures("tiny")
def test_a_negative_and_a_label_each_change_the_layout_and_are_noted_in_it() -> None:
    plain = propose_grids(HOUSES).grids[0]
    led = propose_grids(replace(HOUSES, negative="woodland"))
    assert led.prompt.absent == ("woodland",)
    labelled = propose_grids(replace(HOUSES, text="", label="river"))
    assert labelled.prompt.phrases == ("river",)
    for other in (led.grids[0], labelled.grids[0]):
        assert not np.allclose(other.vectors, plain.vectors, atol=1e-3)
    assert led.grids[0].source["text"]["negative"] == "woodland"
    assert labelled.grids[0].source["text"]["label"] == "river"
    assert len({grid.source["id"] for grid in (plain, led.grids[0], labelled.grids[0])}) == 3


@pytest.mark.usefixtures("tiny")
def test_cells_of_a_sketch_stay_to_the_bit_and_the_others_are_filled() -> None:
    kept = np.zeros((2, 4), dtype=bool)
    kept[0, :2] = True
    drawn = propose_grids(replace(HOUSES, seed=30)).grids[0]
    filled = propose_grids(replace(HOUSES, sketch=replace(drawn, valid=kept))).grids[0]
    assert np.array_equal(filled.vectors[kept], drawn.vectors[kept])
    assert filled.valid.all()
    assert not np.allclose(filled.vectors[~kept], drawn.vectors[~kept], atol=1e-2)
    with pytest.raises(SettingsError, match="512x256"):
        propose_grids(replace(HOUSES, size_px=(256, 256), sketch=replace(drawn, valid=kept)))
    with pytest.raises(GridError):
        propose_grids(replace(HOUSES, sketch=replace(drawn, encoder_id="tissue-1")))


@pytest.mark.usefixtures("tiny")
def test_the_image_of_a_sentence_says_how_it_came_to_be() -> None:
    told = []
    request = replace(HOUSES, size_px=(256, 128))
    *_, last = generate_from_text(request, ssldiff.Settings(seed=1, steps=2), told=told.append)
    assert last.result is not None
    assert last.result.image.shape == (128, 256, 3)
    assert [proposal.prompt.phrases for proposal in told] == [("houses on the left", "a river on the right")]
    assert last.result.manifest.grid == told[0].grids[0]
    assert last.result.manifest.grid.source["text"]["prompt"] == request.text


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"text": ""}, "empty"), ({"text": "houses " * 1430}, "10,010 characters"),
        ({"text": "\udcff houses"}, "UTF-8"), ({"text": "a cat"}, "nothing of it is known"),
        ({"text": "des maisons, une rivière"}, "nothing of it is known"), ({"size_px": (500, 500)}, "512x512"),
        ({"size_px": (0, 128)}, "128x128"), ({"label": "castle"}, "castle"),
        ({"pixel_size_m": 3.0}, "60 cm"), ({"negative": "x" * 2000}, "negative text"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_a_way_on(changed, told) -> None:
    with pytest.raises(SettingsError, match=told):
        propose_grids(replace(HOUSES, **changed))


@pytest.mark.parametrize("changed", [{"candidates": 0}, {"seed": -1}, {"like_seed": -4}, {"guidance_scale": 99.0}])
def test_a_request_checks_its_numbers(changed) -> None:
    with pytest.raises(SettingsError, match="The nearest is"):
        replace(HOUSES, **changed)


@pytest.mark.usefixtures("tiny")
def test_what_is_refused_for_its_text_or_size_loads_no_prior(monkeypatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("ssldiff_core.models.prior.load_prior", load)
    for changed in ({"text": " "}, {"size_px": (100, 128)}):
        with pytest.raises(SettingsError):
            propose_grids(replace(HOUSES, **changed))
    with pytest.raises(AssertionError, match="loaded"):
        propose_grids(HOUSES)


@pytest.mark.usefixtures("tiny")
def test_a_model_without_a_prior_says_so() -> None:
    with pytest.raises(ModelError, match="prior"):
        propose_grids(replace(HOUSES, model_id="tissue"))


@pytest.mark.parametrize(
    ("model", "one", "other"),
    [("aerial", ("mobile homes", {"mobile homes"}), ("a beach", {"pale sand"})),
     ("tissue", ("necrosis", {"necrosis"}), ("fat", {"fat"}))],
)  # fmt: skip
def test_the_shipped_priors_lay_out_a_left_and_a_right(model, one, other) -> None:
    spec = get_model_spec(model)
    palette = ssldiff.Palette.load(spec.folder / "palette.npz")
    names = np.array(palette.names, dtype=object)
    request = TextRequest(f"{one[0]} on the left, {other[0]} on the right", model, (768, 512), candidates=4)
    right_way, wrong_way = [], []
    for grid in propose_grids(request).grids:
        named = names[palette.nearest(grid.vectors.reshape(-1, grid.dim))].reshape(grid.shape_cell)
        for half, wanted, unwanted in ((named[:, :3], one, other), (named[:, 3:], other, one)):
            right_way.append(np.isin(half, list(wanted[1])).mean())
            wrong_way.append(np.isin(half, list(unwanted[1])).mean())
    assert np.mean(right_way) > 0.5
    assert np.mean(right_way) > 4 * np.mean(wrong_way)
