"""How a component starts its script."""

from __future__ import annotations

import gradio as gr

from ..config import static_version


def mount_script(script: str, function: str = "mount", events: tuple[str, ...] = ()) -> str:
    """JavaScript for ``js_on_load``: import a module of ``ui/scripts`` and hand it the element.

    Modules are imported by one address each, so all components share the same instances. ``events`` are named in the
    text because Gradio finds a component's custom events there.
    """
    address = f"static/{static_version()}/scripts/{script}.js"
    named = f"/* events: {', '.join(repr(event) for event in events)} */ " if events else ""
    return (
        f"{named}import(new URL('{address}', document.baseURI).href)"
        f".then((module) => module.{function}(element, {{ trigger, props, watch }}))"
    )


def shell(html: str, script: str, elem_id: str, *, function: str = "mount", events: tuple[str, ...] = ()) -> gr.HTML:
    """A component with static HTML: Gradio rebuilds the DOM of a template that mentions its value."""
    return gr.HTML(
        value="", html_template=html, js_on_load=mount_script(script, function, events), elem_id=elem_id,
        apply_default_css=False, container=False, padding=False,
    )  # fmt: skip
