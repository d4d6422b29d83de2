"""Going back to a result puts a whole layout in another's place, over the same base: one step of undo and redo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ssldiff_core.errors import LayoutError

if TYPE_CHECKING:
    from ssldiff_core.layouts.layout import Layout
    from ssldiff_core.layouts.palette import Palette

KEPT = 12


@dataclass(frozen=True)
class Jump:
    """From one layout to another."""

    before: Layout
    after: Layout


@dataclass(frozen=True)
class Jumps:
    """Jumps that were made, and those taken back; of both the last one last."""

    made: tuple[Jump, ...] = ()
    back: tuple[Jump, ...] = ()

    def led_to(self, layout: Layout) -> bool:
        """Whether a layout is what the last jump led to, so that undo takes the jump back."""
        return bool(self.made) and self.made[-1].after.edits == layout.edits

    def lead_on_from(self, layout: Layout) -> bool:
        """Whether redo makes a jump again."""
        return bool(self.back) and self.back[-1].before.edits == layout.edits

    def jump(self, layout: Layout, target: Layout) -> Jumps:
        """Going from one result to the next is one step together."""
        before, made = (self.made[-1].before, self.made[:-1]) if self.led_to(layout) else (layout, self.made)
        return Jumps((*made, Jump(before, target))[-KEPT:])

    def undo(self) -> tuple[Layout, Jumps]:
        return self.made[-1].before, Jumps(self.made[:-1], (*self.back, self.made[-1]))

    def redo(self) -> tuple[Layout, Jumps]:
        return self.back[-1].after, Jumps((*self.made, self.back[-1]), self.back[:-1])

    def with_palette(self, palette: Palette) -> Jumps:
        """With another palette; a jump made with a swatch that is gone is forgotten, and those before it."""
        return Jumps(_repainted(self.made, palette), _repainted(self.back, palette))

    def to_json(self) -> dict[str, Any]:
        from ssldiff_core.layouts.edits import edit_to_json

        def side(layout: Layout) -> list[list[dict[str, Any]]]:
            return [[edit_to_json(edit) for edit in edits] for edits in (layout.edits, layout.undone)]

        return {
            name: [{"before": side(jump.before), "after": side(jump.after)} for jump in jumps]
            for name, jumps in (("made", self.made), ("back", self.back))
        }

    @classmethod
    def from_json(cls, record: dict[str, Any], layout: Layout) -> Jumps:
        """As saved with a document whose layout is ``layout``."""
        from ssldiff_core.layouts.edits import edit_from_json

        def side(sides: list[list[dict[str, Any]]]) -> Layout:
            edits, undone = (tuple(edit_from_json(edit) for edit in edits) for edits in sides)
            return replace(layout, edits=edits, undone=undone)

        return cls(*(
            tuple(Jump(side(item["before"]), side(item["after"])) for item in record.get(name, ()))
            for name in ("made", "back")
        ))  # fmt: skip


def _repainted(jumps: tuple[Jump, ...], palette: Palette) -> tuple[Jump, ...]:
    kept: list[Jump] = []
    for jump in reversed(jumps):
        try:
            kept.insert(0, Jump(jump.before.with_palette(palette), jump.after.with_palette(palette)))
        except LayoutError:
            break
    return tuple(kept)
