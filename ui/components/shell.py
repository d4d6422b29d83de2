"""What stands around the work: the bar on top, and the progress of a generation."""

from __future__ import annotations

import gradio as gr

from .mounting import shell


def topbar() -> gr.HTML:
    """What is open, its pixel size, theme and help."""
    return shell('<header class="sd-topbar"></header>', "topbar", "topbar")


def progress() -> gr.HTML:
    """Progress, time left and Cancel, below the Generate button."""
    return shell('<div class="sd-progress-host"></div>', "results", "progress", function="mountProgressIn")
