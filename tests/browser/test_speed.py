"""Fast and fine: the choice is where the image is asked for, and what was chosen is what draws."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Look, drag, open_and_read
from tests.browser.test_describing import start_canvas
from tests.browser.test_drawing import set_steps
from tests.browser.test_main_path import generate

pytestmark = pytest.mark.browser


def checked(look: Look, speed: str) -> None:
    look.page.wait_for_selector(f"[data-speed='{speed}'][aria-checked='true']")


def test_the_student_draws_until_fine_is_chosen(look: Look) -> None:
    open_and_read(look)
    checked(look, "fast")
    fast = generate(look)
    assert (fast["fast"], fast["steps"], fast["guidance_scale"]) == (True, 4, 1.0)
    look.page.keyboard.press("3")
    drag(look, (0, 0), (0, 1))
    look.page.wait_for_selector("#sd-generate:has-text('Draw 2 changed cells')")
    look.page.click("[data-speed='fine']")
    checked(look, "fine")
    look.page.wait_for_selector("#sd-generate:has-text('Draw all of it')")  # another network's picture
    fine = generate(look, known=1)
    assert (fine["fast"], fine["steps"], fine["changed_cells"]) == (False, 20, 0)


def test_steps_count_as_a_wish_for_fine_and_a_results_settings_bring_its_speed_back(look: Look) -> None:
    open_and_read(look)
    generate(look)
    set_steps(look, 6)
    checked(look, "fine")
    assert generate(look, known=1)["steps"] == 6
    look.page.wait_for_selector(".sd-thumb >> nth=1")
    look.page.click(".sd-thumb >> nth=0")
    look.page.click("#sd-settings")
    look.page.click("[data-action='reuse']")
    checked(look, "fast")


def test_a_model_without_a_student_offers_no_choice(look: Look) -> None:
    look.page.select_option(".sd-start select[aria-label=Model]", "aerial")
    start_canvas(look)
    look.page.wait_for_selector("#sd-generate:not([disabled])")
    assert not look.page.is_visible("[data-speed='fast']")
