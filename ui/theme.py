"""Gradio's own controls in the page's visual language: every colour is one of the variables of ``styles/base.css``."""

from __future__ import annotations

import gradio as gr

SANS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

_SETTINGS = {
    "body_background_fill": "var(--sd-bg)",
    "body_text_color": "var(--sd-text)",
    "body_text_color_subdued": "var(--sd-text-2)",
    "background_fill_primary": "var(--sd-panel)",
    "background_fill_secondary": "var(--sd-bg)",
    "block_background_fill": "transparent",
    "block_label_text_color": "var(--sd-text)",
    "block_title_text_color": "var(--sd-text)",
    "block_info_text_color": "var(--sd-text-2)",
    "border_color_primary": "var(--sd-line)",
    "border_color_accent": "var(--sd-accent)",
    "color_accent": "var(--sd-accent)",
    "color_accent_soft": "var(--sd-accent-soft)",
    "input_background_fill": "var(--sd-field)",
    "input_border_color": "var(--sd-line-2)",
    "input_border_color_focus": "var(--sd-accent)",
    "slider_color": "var(--sd-accent)",
    "button_primary_background_fill": "var(--sd-accent)",
    "button_primary_background_fill_hover": "var(--sd-accent-hover)",
    "button_primary_text_color": "var(--sd-on-accent)",
    "button_primary_border_color": "var(--sd-accent)",
    "button_secondary_background_fill": "var(--sd-panel-2)",
    "button_secondary_background_fill_hover": "var(--sd-hover)",
    "button_secondary_text_color": "var(--sd-text)",
    "button_secondary_border_color": "var(--sd-line-2)",
    "accordion_text_color": "var(--sd-text-2)",
}


def page_theme() -> gr.themes.Base:
    """System fonts only: a named web font would be fetched from another host."""
    theme = gr.themes.Base(
        font=SANS, font_mono=MONO, text_size="sm", spacing_size="sm", radius_size="sm", primary_hue="teal",
        neutral_hue="gray",
    )  # fmt: skip
    known = set(dir(theme)) | set(theme.set.__code__.co_varnames)
    dark = {f"{name}_dark": value for name, value in _SETTINGS.items()}
    return theme.set(**{name: value for name, value in {**_SETTINGS, **dark}.items() if name in known})
