"""The public names: complete, lazy, and cheap to import."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

import ssldiff_core
from tests.conftest import TREE

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "diffusers",
    "umap",
    "numba",
    "large_image",
    "rasterio",
    "gradio",
    "scipy",
    "sklearn",
)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TREE).stdout


@pytest.mark.parametrize("name", ssldiff_core.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(ssldiff_core, name)
    assert name in dir(ssldiff_core)
    if callable(value):
        assert value.__doc__, f"{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ssldiff_core.nonsense


def test_type_checkers_see_the_same_names_as_users() -> None:
    module = ast.parse((TREE / "ssldiff_core" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in module.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == ssldiff_core._HOMES


def test_the_function_generate_wins_over_its_module_in_any_order_of_import() -> None:
    importlib.import_module("ssldiff_core.generate")
    assert callable(ssldiff_core.generate)
    late = "import ssldiff_core.generate, ssldiff_core; print(callable(ssldiff_core.generate))"
    early = "from ssldiff_core import generate; from ssldiff_core.generate import Settings; print(callable(generate))"
    assert run(late).strip() == run(early).strip() == "True"


@pytest.mark.parametrize("module", ["ssldiff_core", "ssldiff_core.cli", "ssldiff_core.geometry"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = run(f"import sys, {module}; print(*sys.modules)").split()
    assert not [name for name in loaded if name in HEAVY]
