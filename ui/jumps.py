"""A jump puts a whole layout in another's place, over the same base or another one: one step of undo and redo.

Going back to a result is one, and so are a layout made of a sentence and a grown canvas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError

if TYPE_CHECKING:
    from ssldiff_core.embeddings.grid import EmbeddingGrid
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.layouts.palette import Palette

KEPT = 12
CHOICES = ("result", "text")
"""Of these one looks at several: going on from one to the next is one step."""


@dataclass(frozen=True)
class Jump:
    """From one layout to another."""

    before: Layout
    after: Layout
    why: str = "result"
    """``result``: going back to one; ``text``: a layout of a sentence; ``growth``: rows or columns more;
    ``annotations``: those of a file laid over it."""


@dataclass(frozen=True)
class Jumps:
    """Jumps that were made, and those taken back; of both the last one last."""

    made: tuple[Jump, ...] = ()
    back: tuple[Jump, ...] = ()

    def led_to(self, layout: Layout) -> bool:
        """Whether a layout is what the last jump led to, so that undo takes the jump back."""
        return bool(self.made) and _same(self.made[-1].after, layout)

    def lead_on_from(self, layout: Layout) -> bool:
        """Whether redo makes a jump again."""
        return bool(self.back) and _same(self.back[-1].before, layout)

    def jump(self, layout: Layout, target: Layout, why: str = "result") -> Jumps:
        """Going from one result, or one layout of a sentence, to the next is one step together."""
        goes_on = why in CHOICES and self.led_to(layout) and self.made[-1].why == why
        before, made = (self.made[-1].before, self.made[:-1]) if goes_on else (layout, self.made)
        return Jumps((*made, Jump(before, target, why))[-KEPT:])

    def undo(self) -> tuple[Layout, Jumps]:
        return self.made[-1].before, Jumps(self.made[:-1], (*self.back, self.made[-1]))

    def redo(self) -> tuple[Layout, Jumps]:
        return self.back[-1].after, Jumps((*self.made, self.back[-1]), self.back[:-1])

    def with_palette(self, palette: Palette) -> Jumps:
        """With another palette; a jump made with a swatch that is gone is forgotten, and those before it."""
        return Jumps(_repainted(self.made, palette), _repainted(self.back, palette))

    def bases(self) -> dict[str, EmbeddingGrid]:
        """The grids under all layouts, by the name of their file."""
        sides = [side for jump in (*self.made, *self.back) for side in (jump.before, jump.after)]
        return {base_name(side.base): side.base for side in sides}

    def to_json(self) -> dict[str, Any]:
        from ssldiff_core.layouts.edits import edit_to_json

        def side(layout: Layout) -> list[Any]:
            edits = [[edit_to_json(edit) for edit in edits] for edits in (layout.edits, layout.undone)]
            return [*edits, base_name(layout.base)]

        return {
            name: [{"before": side(jump.before), "after": side(jump.after), "why": jump.why} for jump in jumps]
            for name, jumps in (("made", self.made), ("back", self.back))
        }

    @classmethod
    def from_json(cls, record: dict[str, Any], layout: Layout, load_base: Callable[[str], EmbeddingGrid]) -> Jumps:
        """As saved with a document whose layout is ``layout``; ``load_base`` reads another grid by its name."""
        from ssldiff_core.layouts.edits import edit_from_json

        bases = {base_name(layout.base): layout.base}

        def side(parts: list[Any]) -> Layout:
            edits, undone = (tuple(edit_from_json(edit) for edit in edits) for edits in parts[:2])
            name = parts[2] if len(parts) > 2 else base_name(layout.base)
            if name not in bases:
                bases[name] = load_base(name)
            return replace(layout, base=bases[name], edits=edits, undone=undone)

        return cls(*(
            tuple(
                Jump(side(item["before"]), side(item["after"]), str(item.get("why", "result")))
                for item in record.get(name, ())
            )
            for name in ("made", "back")
        ))  # fmt: skip


def base_name(grid: EmbeddingGrid) -> str:
    """The file of a grid beside its document."""
    return f"grid-{grid.digest[:16]}.npz"


def _same(one: Layout, other: Layout) -> bool:
    return one.edits == other.edits and one.base == other.base


def _repainted(jumps: tuple[Jump, ...], palette: Palette) -> tuple[Jump, ...]:
    kept: list[Jump] = []
    for jump in reversed(jumps):
        try:
            kept.insert(0, Jump(jump.before.with_palette(palette), jump.after.with_palette(palette), jump.why))
        except LayoutError:
            break
    return tuple(kept)
