"""The components of the work itself: tool strip, viewer, palette, and the panels of the other tabs."""

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
    panel = '<section class="sd-palette" id="sd-panel-paint" role="tabpanel" aria-labelledby="sd-tab-paint"></section>'
    return shell(panel, "palette", "palette")


def ways() -> gr.HTML:
    """What stands in the palette's place while a scene is explored."""
    place = 'class="sd-panel" id="sd-panel-explore" role="tabpanel" aria-labelledby="sd-tab-explore"'
    return shell(f"<section {place}></section>", "explore", "ways")


def describe() -> gr.HTML:
    """What stands there while a text is laid out."""
    place = 'class="sd-panel sd-describe" id="sd-panel-describe" role="tabpanel" aria-labelledby="sd-tab-describe"'
    return shell(f"<section {place}></section>", "describe", "describe")
