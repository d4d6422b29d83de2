"""What stands around the work: the bar on top, and what belongs to the button that draws."""

from __future__ import annotations

import gradio as gr

from .mounting import shell


def topbar() -> gr.HTML:
    """What is open, its pixel size, theme and help."""
    return shell('<header class="sd-topbar"></header>', "topbar", "topbar")


def draw() -> gr.HTML:
    """How many images, above the button that draws them."""
    return shell('<div class="sd-panel sd-draw"></div>', "draw", "draw")


def appearance() -> gr.HTML:
    """Whose colours the image gets, under Advanced."""
    return shell('<div class="sd-panel sd-more"></div>', "draw", "appearance", function="mountAppearance")


def progress() -> gr.HTML:
    """Progress, time left and Cancel, above the button that draws, which stays where it is."""
    return shell('<div class="sd-progress-host"></div>', "results", "progress", function="mountProgressIn")
