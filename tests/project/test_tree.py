"""What stands in the tree, and what no file may say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import TREE

TOP_LEVEL = {
    "app.py", "ssldiff_core", "ui", "assets", "tests",
    "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md",
}  # fmt: skip
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".js", ".css", ".html", ".txt", ".cfg", ".geojson", ""}
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("download", "pytorch", "org"),
        ("deb", "debian", "org"), ("conda", "anaconda", "org"),
    )
)  # fmt: skip


def tracked() -> list[Path]:
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    return [TREE / name for name in listing.split("\0") if name and (TREE / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """(name, content) of the files that people wrote or vendored."""
    return [
        (file.relative_to(TREE).as_posix(), file.read_text(encoding="utf-8"))
        for file in tracked()
        if file.suffix in TEXT
    ]


def test_the_top_level_holds_only_what_the_design_allows() -> None:
    names = {file.relative_to(TREE).parts[0] for file in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_is_called_utils_or_helpers() -> None:
    stems = {
        file.relative_to(TREE).as_posix() for file in tracked() if file.stem.strip("_") in {"utils", "util", "helpers"}
    }
    assert not stems


def test_no_file_names_a_package_registry() -> None:
    faults = [f"{name} names {host}" for name, text in texts() for host in REGISTRIES if host in text]
    assert not faults


def test_no_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    places = {f"{Path.home()}/", f"{TREE.parent}/"} - {"//", "/"}
    faults = [f"{name} holds {place}" for name, text in texts() for place in places if place in text]
    assert not faults


def test_files_stay_readable_in_one_sitting() -> None:
    """About 300 lines is where a file asks to be divided; beyond 350 it has missed the moment."""
    lengths = {
        file.relative_to(TREE).as_posix(): len(file.read_text(encoding="utf-8").splitlines())
        for file in tracked()
        if file.suffix == ".py" and file.relative_to(TREE).parts[0] in ("ssldiff_core", "ui", "app.py")
    }
    assert not {name: length for name, length in lengths.items() if length > 350}


def test_nothing_tracked_is_ignored_or_too_large_to_ship() -> None:
    sizes = {file.relative_to(TREE).as_posix(): file.stat().st_size for file in tracked()}
    assert not {name: size for name, size in sizes.items() if size > 40 * 2**20}
