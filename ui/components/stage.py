"""The three components of the work itself: tool strip, viewer, palette."""

from __future__ import annotations

import gradio as gr

from .mounting import shell


def painter() -> gr.HTML:
    """The tool strip; the tools act on the viewer's panes."""
    return shell(
        '<div class="sd-tools" role="toolbar" aria-label="Tools" aria-orientation="vertical"></div>', "painter", "tools"
    )


def viewer() -> gr.HTML:
    """Reference and result with all that lies over them.

    Its value is JSON for the script: ``{"seq": n, "document": id}`` or ``{"seq": n, "error": text}``. It triggers
    ``opened`` with ``{"document": id}``, and ``reused`` with the settings of an earlier result.
    """
    return shell('<div class="sd-stage"></div>', "viewer", "stage", events=("opened", "reused"))


def palette() -> gr.HTML:
    """Scatter and swatches."""
    return shell('<section class="sd-palette" aria-label="Palette"></section>', "palette", "palette")
