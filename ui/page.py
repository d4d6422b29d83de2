"""The Gradio page: where the components stand, and which handler each button calls."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import gradio as gr

from ssldiff_core.errors import SSLDiffError

from . import components, handlers
from .config import static_version
from .model_choice import default_guidance
from .theme import page_theme as page_theme
from .workspace import Workspace

STYLES = (
    "base",
    "shell",
    "stage",
    "palette",
    "start",
    "compare",
    "documents",
    "models",
    "tabs",
    "describe",
    "gallery",
    "kiosk",
    "gradio",
    "narrow",
)
ALONE = ("reader.js",)
"""Scripts of other pages."""
SETTING_NOTES = {
    "seed": "Same seed, same image; another gives a variation.",
    "steps": "More are finer and slower; 20 is usually enough.",
    "guidance": "How strictly to follow the grid; 1 is off, above 3 harsh.",
    "engine": "How the canvas is put together. Leave it, unless you compare methods.",
    "strength": "100 draws from the grid alone; less keeps more of the reference region, or of the shown result.",
}
ENGINES = [
    ("The model's own", ""), ("Dense: no windows", "dense"), ("Windowed: overlapping windows", "windowed"),
    ("Shifted: windows that move", "shifted"), ("Notebook: as published", "notebook"),
]  # fmt: skip
SHOWN_DOCUMENT = """(known, ...settings) =>
    [window.ssldiffDocument ?? known, ...settings.slice(0, -1), window.ssldiffWish?.() ?? '']"""
"""The document that the page shows (what Gradio remembers of it may be a moment old), the fields, and what else the
page wishes: how many images, going on from which result."""
TELL_SETTINGS = "(...settings) => { window.ssldiffSettings?.(...settings) }"

_sequence = itertools.count(1)


def page_head() -> str:
    """Styles, and what the page's scripts will want, all from this server."""
    base = f"static/{static_version()}/styles"
    links = "".join(f'<link rel="stylesheet" href="{base}/{name}.css">' for name in STYLES)
    scripts = sorted(path.name for path in Path(__file__).parent.glob("scripts/*.js") if path.name not in ALONE)
    links += "".join(
        f'<link rel="modulepreload" href="static/{static_version()}/scripts/{name}">' for name in scripts
    )  # fetched while Gradio starts, not one after the other when it has
    icon = Path(__file__).parent.joinpath("styles", "mark.svg").name
    return (
        f'<link rel="icon" type="image/svg+xml" href="{base}/{icon}">{links}'
        '<link rel="preload" as="script" href="vendor/openseadragon/openseadragon.min.js">'
    )


def build_page(workspace: Workspace) -> gr.Blocks:
    """The page of a workspace."""
    page: gr.Blocks
    with gr.Blocks(title="ssldiff", analytics_enabled=False, fill_width=True) as page:
        document_id = gr.BrowserState("", storage_key="ssldiff-document", secret="ssldiff")
        components.topbar()
        with gr.Row(elem_id="workspace"):
            components.painter()
            viewer = components.viewer()
            with gr.Column(elem_id="side"):
                components.palette()
                components.ways()
                components.describe()
                settings, button = _generate_panel()
        _connect(page, workspace, document_id, viewer, settings, button)
    return page


def _generate_panel() -> tuple[list[gr.Component], gr.Button]:
    with gr.Column(elem_id="generate"):
        components.draw()
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, info=SETTING_NOTES["seed"])
            steps = gr.Slider(4, 100, 20, step=1, label="Steps", info=SETTING_NOTES["steps"], buttons=[])
            guidance = gr.Slider(1, 6, 1.5, step=0.1, label="Guidance", info=SETTING_NOTES["guidance"], buttons=[])
            strength = gr.Slider(
                5, 100, 100, step=5, label="Variation strength (%)", info=SETTING_NOTES["strength"], buttons=[]
            )
            engine = gr.Dropdown(ENGINES, value="", label="Engine", info=SETTING_NOTES["engine"], elem_id="sd-engine")
            components.appearance()
        wish = gr.Textbox("", visible=False, label="Wish")
        components.progress()
        button = gr.Button("Draw it", variant="primary", elem_id="sd-generate")
    return [seed, steps, guidance, engine, strength, wish], button


def _connect(
    page: gr.Blocks, workspace: Workspace, document_id: gr.BrowserState, viewer: gr.HTML, settings: list[gr.Component],
    button: gr.Button,
) -> None:  # fmt: skip
    def reopen(identity: str | None) -> str:
        known = workspace.documents.get(identity or "") is not None
        return _tell(document=identity) if known else _tell()

    def remember(event: gr.EventData) -> tuple[str, int, float, int]:
        identity = str(event._data["document"])
        return identity, 0, default_guidance(workspace, identity), 100  # another document begins anew

    def generate(
        identity: str | None, seed: float | None, steps: float, guidance_scale: float, engine: str = "",
        strength: float = 100, wish: str = "",
    ) -> str:  # fmt: skip
        try:
            document = workspace.documents.get(identity or "")
            if document is None:
                return _tell(error="Open a scene first: an image is drawn from its grid.")
            values = {
                "seed": seed, "steps": steps, "guidance_scale": guidance_scale, "engine": engine,
                "strength": strength / 100, **(json.loads(wish) if wish else {}),
            }  # fmt: skip
            job = handlers.start_generation(workspace, document, values)
        except SSLDiffError as error:
            return _tell(error=str(error))
        return _tell(job=job.id)

    def reuse(event: gr.EventData) -> tuple[float, ...]:
        used = event._data
        return used["seed"], used["steps"], used["guidance_scale"], round(100 * used.get("strength", 1.0))

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    page.load(reopen, document_id, viewer, api_visibility="private", **quiet)
    viewer.opened(
        remember, None, [document_id, settings[0], settings[2], settings[4]], api_visibility="private", **quiet
    )
    viewer.reused(reuse, None, [*settings[:3], settings[4]], api_visibility="private", **quiet)
    page.load(None, settings[:5], None, js=TELL_SETTINGS)
    for field in settings[:5]:
        field.change(None, settings[:5], None, js=TELL_SETTINGS)  # type: ignore[attr-defined]  # made by Gradio
    button.click(generate, [document_id, *settings], viewer, js=SHOWN_DOCUMENT, api_name="generate", **quiet)


def _tell(**news: str | None) -> str:
    """A value for the viewer's script; the number makes equal news differ, or the page would not see it."""
    return json.dumps({"seq": next(_sequence), **news})
