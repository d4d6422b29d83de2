"""Who may import whom: the chain of rooms, and the owners of third-party libraries, read from the source."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import TREE

CHAIN = (
    {"errors", "assets"},
    {"geometry"},
    {"scenes"},
    {"embeddings"},
    {"layouts", "diffusion"},
    {"models"},
    {"settings", "drawing", "generate", "regenerate", "streaming", "synthetic_scene", "provenance", "export"}
    | {"pipeline", "text_to_grid", "distributed"},
    {"evaluation", "training", "cli"},
)
"""The rooms of ssldiff_core; each may import those of the links before its own."""

NEIGHBOURS = CHAIN[-2:]
"""Links whose rooms may import each other too."""

FORBIDDEN = {("models", "layouts"), ("evaluation", "cli"), ("training", "cli"), ("training", "evaluation")}

OWNERS: dict[str, set[str]] = {
    "openslide": {"scenes", "export", "training", "evaluation"},
    "large_image": {"scenes", "export", "training", "evaluation"},
    "rasterio": {"scenes", "export", "training", "evaluation"},
    "timm": {"embeddings", "training", "evaluation"},
    "umap": {"embeddings/projection.py", "training", "evaluation"},
    "diffusers": {"diffusion", "models", "pipeline", "training", "evaluation"},
    "gradio": {"ui", "app.py"},
    "fastapi": {"ui", "app.py"},
    "uvicorn": {"ui", "app.py", "cli"},
    "lightly": {"training"},
    "matplotlib": {"evaluation"},
    "ray": {"cli/cluster.py"},
}
"""Library -> rooms (or files of the package) that may import it."""

HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "diffusers",
    "umap",
    "large_image",
    "large_image_source_openslide",
    "lightly",
    "matplotlib",
}
"""Libraries that load when first used; a module that defines networks may import torch (and what it inherits from)."""

LIGHT_ROOMS = {"errors", "assets", "geometry", "scenes", "embeddings", "layouts", "provenance", "export", "cli"}
"""Rooms whose modules are imported by the command line or the page before anything is computed."""

# starlette is what fastapi stands on and re-exports; it is not asked for twice
MODULE_NAMES = {"scikit-learn": "sklearn", "pillow": "PIL", "umap-learn": "umap", "pyyaml": "yaml"}


def may_import(room: str, other: str) -> bool:
    link = next(i for i, rooms in enumerate(CHAIN) if room in rooms)
    allowed = set().union(*CHAIN[:link], {room}, CHAIN[link] if CHAIN[link] in NEIGHBOURS else set())
    return other in allowed and (room, other) not in FORBIDDEN


def sources(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((TREE / folder).rglob("*.py"))]


def room_of(file: Path) -> str:
    parts = file.relative_to(TREE).parts
    return parts[0] if parts[0] != "ssldiff_core" else parts[1].removesuffix(".py")


@cache
def imports(file: Path, *, top_level_only: bool = False) -> tuple[tuple[int, str], ...]:
    """(line, absolute dotted module) of each import of a file; those for type checkers alone are left out."""
    return tuple(find_imports(ast.parse(file.read_text(encoding="utf-8")), file, top_level_only))


def find_imports(tree: ast.Module, file: Path, top_level_only: bool) -> Iterator[tuple[int, str]]:
    base = file.relative_to(TREE).parts[:-1]
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level + 1] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            # `from package import module` names a module too: `from .. import geometry`
            names = [f"{module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for name in (names if module == "ssldiff_core" else [module]))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo.extend(node.orelse)
        elif not (top_level_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))


def defines_a_network(file: Path) -> bool:
    bases = (
        ast.unparse(base)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    )
    return any(base.split(".")[-1] in {"Module", "ModelMixin"} for base in bases)


CORE = sources("ssldiff_core")
EVERYTHING = [*sources("ssldiff_core", "ui"), *TREE.glob("app.py")]


def test_each_room_imports_only_rooms_before_it_in_the_chain() -> None:
    faults = []
    known = set().union(*CHAIN)
    for file in CORE:
        room = room_of(file)
        if room == "__init__":
            continue
        assert room in known, f"{file.relative_to(TREE)} stands in no room that the design knows"
        for line, module in imports(file):
            first, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            if first == "ssldiff_core" and other in known and not may_import(room, other):
                faults.append(f"{file.relative_to(TREE)}:{line} imports {module}")
    assert not faults, "\n".join(faults)


def test_only_serving_from_the_command_line_imports_the_page() -> None:
    faults = [
        f"{file.relative_to(TREE)}:{line}"
        for file in CORE
        for line, module in imports(file)
        if module.partition(".")[0] in ("ui", "app") and room_of(file) != "cli"
    ]
    assert not faults
    at_the_top = [m for file in CORE if room_of(file) == "cli" for _, m in imports(file, top_level_only=True)]
    assert not [module for module in at_the_top if module.partition(".")[0] == "ui"]


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_library_is_imported_by_its_owners_only(library: str) -> None:
    faults = []
    for file in EVERYTHING:
        inside = file.relative_to(TREE).as_posix().removeprefix("ssldiff_core/")
        for line, module in imports(file):
            mine = module.partition(".")[0] == library or module.startswith(f"{library}_source")
            if mine and not (
                {inside, inside.partition("/")[0].removesuffix(".py"), inside.partition("/")[0]} & OWNERS[library]
            ):
                faults.append(f"{inside}:{line} imports {module}")
    assert not faults, "\n".join(faults)


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    faults = [
        f"{file.relative_to(TREE)}:{line} imports {module}"
        for file in CORE
        if room_of(file) in LIGHT_ROOMS and not defines_a_network(file)
        for line, module in imports(file, top_level_only=True)
        if module.partition(".")[0] in HEAVY
    ]
    assert not faults, "\n".join(faults)


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    names = [
        requirement.replace("=", ">").replace("<", ">").partition(">")[0].strip()
        for requirement in [*project["dependencies"], *extras["train"], *extras["predictors"], *extras["cluster"]]
    ]
    declared = {MODULE_NAMES.get(name, name.removesuffix("-python").replace("-", "_")) for name in names}
    known = declared | {"ssldiff_core", "ui", "app", "starlette"} | set(sys.stdlib_module_names)
    faults = [
        f"{file.relative_to(TREE)}:{line} imports {module}"
        for file in EVERYTHING
        for line, module in imports(file)
        if module.partition(".")[0] not in known
    ]
    assert not faults, "\n".join(faults)
