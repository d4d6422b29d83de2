"""The picture that follows the brush shows what changed, in few steps, and nothing of what did not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ssldiff_core.errors import SettingsError
from tests.ui.test_generation import draw, paint, wait, workspace
from ui import handlers
from ui.documents import Document
from ui.following import STEPS, start_follow
from ui.workspace import Workspace

__all__ = ["workspace"]


@pytest.fixture
def document(workspace: Workspace) -> Document:
    return handlers.empty_canvas(workspace, "tissue", 6, 6)


def follow(workspace: Workspace, document: Document, **values: object) -> np.ndarray:
    wait(start_follow(workspace, document, values))
    return np.asarray(Image.open(io.BytesIO(workspace.followers.get(document.id).picture)))


def test_only_what_changed_is_seen_and_it_goes_when_the_change_is_undone(
    workspace: Workspace, document: Document
) -> None:
    draw(workspace, document)
    paint(document, (0, 0))
    picture = follow(workspace, document)
    assert picture[:128, :128, 3].min() > 250
    assert picture[3 * 128 :, :, 3].max() == 0
    document.undo()
    assert follow(workspace, document)[..., 3].max() == 0


def test_what_lies_outside_the_view_waits_until_it_is_looked_at(workspace: Workspace, document: Document) -> None:
    draw(workspace, document)
    paint(document, (0, 0), (5, 5))
    picture = follow(workspace, document, view=[0, 0, 3, 3])
    assert (picture[64, 64, 3], picture[-64, -64, 3]) == (255, 0)
    assert follow(workspace, document)[-64, -64, 3] == 255


def test_a_follower_keeps_one_version_and_draws_no_more_than_the_change(
    workspace: Workspace, document: Document
) -> None:
    draw(workspace, document)
    paint(document, (0, 0))
    follow(workspace, document)
    before = workspace.followers.get(document.id).run.image()
    paint(document, (5, 5))
    follow(workspace, document)
    run = workspace.followers.get(document.id).run
    assert (len(run.versions), run.versions[0].levels[0].shape[0]) == (1, STEPS)
    assert np.array_equal(run.image()[: 3 * 128, : 3 * 128], before[: 3 * 128, : 3 * 128])
    assert not np.array_equal(run.image()[-64:, -64:], before[-64:, -64:])


def test_a_picture_that_sharpens_by_itself_leaves_one_result(workspace: Workspace, document: Document) -> None:
    draw(workspace, document)
    for cell in ((0, 0), (1, 0), (0, 1)):
        paint(document, cell)
        draw(workspace, document, auto=True)
    assert [record.batch for record in document.results] == ["", "auto"]
    assert document.results[1].changed_cells == 1


def test_a_canvas_too_large_to_follow_is_told(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match="2048"):
        start_follow(workspace, handlers.empty_canvas(workspace, "tissue", 17, 16), {})
