"""Contact sheets: reference, layout and results on one page with scale bars, settings and the SYNTHETIC mark."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ssldiff_core.geometry import format_length
from ssldiff_core.provenance import NOTICE

from .documents import Document
from .records import ResultRecord
from .results import result_folder, result_labels
from .workspace import Workspace

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Helvetica.ttc")
PANEL_PX, GAP, MARGIN, HEAD, CAPTION = 640, 28, 44, 78, 62
COLUMNS = 3
MAX_RESULTS = 10
INK, SOFT, PAPER, MARK = (26, 29, 33), (84, 91, 101), (255, 255, 255), (179, 38, 30)


@dataclass(frozen=True)
class Panel:
    """A picture of the sheet with its caption; ``metres`` is its width on slide or ground, None without a scale bar."""

    picture: Image.Image
    title: str
    note: str
    metres: float | None
    synthetic: bool


def contact_sheet(workspace: Workspace, document: Document, records: Sequence[ResultRecord]) -> Image.Image:
    """The sheet of a document's results, which all show one place.

    Args:
        workspace: where scene and results are read.
        document: whose name, scene and palette are shown.
        records: results, at least one.
    """
    first = records[0]
    panels = [*_reference(workspace, document, first), _layout(workspace, document, first)]
    panels += [_result(workspace, document, record) for record in records[:MAX_RESULTS]]
    columns = min(COLUMNS, len(panels))
    height = _panel_height(first)
    rows = math.ceil(len(panels) / columns)
    legend = _legend(workspace, document, first, columns * (PANEL_PX + GAP) - GAP)
    width = 2 * MARGIN + columns * (PANEL_PX + GAP) - GAP
    sheet = Image.new("RGB", (width, HEAD + rows * (height + CAPTION) + legend.height + 2 * MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 14), document.name, INK, _font(30))
    draw.text((MARGIN, MARGIN + 26), NOTICE, MARK, _font(16))
    for index, panel in enumerate(panels):
        row, col = divmod(index, columns)
        _paste(sheet, panel, MARGIN + col * (PANEL_PX + GAP), HEAD + MARGIN // 2 + row * (height + CAPTION), height)
    sheet.paste(legend, (MARGIN, HEAD + MARGIN // 2 + rows * (height + CAPTION) + 4))
    return sheet


def sheet_bytes(sheet: Image.Image, kind: str) -> bytes:
    """A sheet as ``png`` or ``pdf``; the PDF is an A4-wide page at 200 dots an inch or more."""
    buffer = io.BytesIO()
    if kind == "pdf":
        sheet.save(buffer, "PDF", resolution=max(200.0, sheet.width / 11.2), title="SYNTHETIC contact sheet, ssldiff")
    else:
        from PIL import PngImagePlugin

        text = PngImagePlugin.PngInfo()
        text.add_text("Title", "SYNTHETIC contact sheet")
        text.add_itxt("Description", NOTICE)
        sheet.save(buffer, "PNG", pnginfo=text, optimize=True)
    return buffer.getvalue()


def _reference(workspace: Workspace, document: Document, record: ResultRecord) -> list[Panel]:
    """The place in the scene; nothing where there is no scene, or it is not on this server."""
    from ssldiff_core.geometry import Box

    scene = document.scene
    if scene is None or not scene.version:
        return []
    height_l0 = record.width_l0 * record.height / record.width
    box = Box(*record.origin_l0, record.width_l0, height_l0)
    entry = workspace.library.get(scene.id)
    size = (PANEL_PX, _panel_height(record))
    pixels = workspace.tiles.scenes.read(entry, lambda one: one.read(box, size_px=size))
    metres = record.width * record.pixel_size_m
    return [Panel(Image.fromarray(pixels), "Reference", scene.attribution or scene.name, metres, synthetic=False)]


def _layout(workspace: Workspace, document: Document, record: ResultRecord) -> Panel:
    found = result_labels(result_folder(workspace, document, record), document)
    colours = np.array([one.rgb for one in found.classes] + [(255, 255, 255)], np.uint8)
    size = (PANEL_PX, _panel_height(record))
    picture = Image.fromarray(colours[found.finest]).resize(size, Image.Resampling.NEAREST)
    rows, cols = found.labels.shape
    edits = f" · {record.edits} edit{'s' * (record.edits != 1)}" if record.edits else ""
    return Panel(
        picture, "Layout", f"{rows} × {cols} cells{edits}", record.width * record.pixel_size_m, synthetic=False
    )


def _result(workspace: Workspace, document: Document, record: ResultRecord) -> Panel:
    from .results import result_pixels

    pixels = result_pixels(result_folder(workspace, document, record), (PANEL_PX, _panel_height(record)))
    note = (
        f"model {record.model_id} · seed {record.seed} · {record.steps} steps · guidance {record.guidance_scale:g} · "
        f"{record.width} × {record.height} px at {format_length(record.pixel_size_m)}"
    )
    metres = record.width * record.pixel_size_m
    return Panel(Image.fromarray(pixels), "Result", note, metres, synthetic=True)


def _panel_height(record: ResultRecord) -> int:
    return max(60, min(2 * PANEL_PX, round(PANEL_PX * record.height / record.width)))


def _paste(sheet: Image.Image, panel: Panel, left: int, top: int, height: int) -> None:
    picture = panel.picture.convert("RGB")
    if panel.synthetic:
        mark_synthetic(picture)
    if panel.metres:
        draw_scale_bar(picture, panel.metres / picture.width)
    sheet.paste(picture, (left, top))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left - 1, top - 1, left + picture.width, top + picture.height), outline=(195, 200, 207))
    draw.text((left, top + height + 7), panel.title, INK, _font(17))
    note = _fitted(draw, _readable(panel.note), picture.width, _font(13))
    draw.text((left, top + height + 29), note, SOFT, _font(13))


def mark_synthetic(picture: Image.Image) -> None:
    """Write SYNTHETIC into the upper right corner, readable on any ground."""
    draw, font = ImageDraw.Draw(picture, "RGBA"), _font(16)
    width = draw.textlength("SYNTHETIC", font)
    right = picture.width - 10
    draw.rounded_rectangle((right - width - 16, 10, right, 36), 5, fill=(0, 0, 0, 170))
    draw.text((right - width - 8, 13), "SYNTHETIC", (255, 255, 255, 255), font)


def draw_scale_bar(picture: Image.Image, metres_per_px: float) -> None:
    """Burn a scale bar of a round length into the lower left corner."""
    rough = metres_per_px * picture.width / 4
    power = 10.0 ** math.floor(math.log10(rough))
    length = next(step * power for step in (5, 2, 1) if step * power <= rough * 1.0001)
    wide, base = round(length / metres_per_px), picture.height - 16
    draw, text, font = ImageDraw.Draw(picture, "RGBA"), _readable(format_length(length)), _font(15)
    label = draw.textlength(text, font)
    draw.rounded_rectangle((10, base - 32, 10 + max(wide, label) + 16, base + 8), 5, fill=(0, 0, 0, 150))
    draw.text((18, base - 29), text, (255, 255, 255, 255), font)
    draw.rectangle((18, base - 3, 18 + wide, base), fill=(255, 255, 255, 255))
    for x in (18, 18 + wide - 2):
        draw.rectangle((x, base - 8, x + 2, base), fill=(255, 255, 255, 255))


def _legend(workspace: Workspace, document: Document, record: ResultRecord, width: int) -> Image.Image:
    """The classes that occur, in their colours."""
    found = result_labels(result_folder(workspace, document, record), document)
    shown = [one for index, one in enumerate(found.classes) if (found.labels == index).any()]
    font, lines = _font(15), [(0.0, 0)]
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    places: list[tuple[float, int]] = []
    for one in shown:
        need = 26 + measure.textlength(one.name, font) + 24
        x, line = lines[-1]
        if x + need > width and x:
            x, line = 0.0, line + 1
        places.append((x, line))
        lines.append((x + need, line))
    picture = Image.new("RGB", (width, 26 * (1 + (places[-1][1] if places else 0))), PAPER)
    draw = ImageDraw.Draw(picture)
    for one, (x, line) in zip(shown, places, strict=True):
        draw.rounded_rectangle((x, 26 * line + 3, x + 18, 26 * line + 20), 4, fill=one.rgb, outline=(150, 150, 150))
        draw.text((x + 26, 26 * line + 2), one.name, INK, font)
    return picture


def _fitted(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> str:
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + " …", font) > width:
        text = text[:-1]
    return text + " …"


@cache
def _font(size: int) -> Font:
    """A font of this machine; Pillow's own, which knows fewer signs, where there is none."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _readable(text: str) -> str:
    """The text without the signs that Pillow's own font draws as boxes."""
    font = _font(13)
    if isinstance(font, ImageFont.FreeTypeFont) and font.getname()[0] != "Aileron":
        return text
    return text.replace("µ", "u").replace("×", "x")
