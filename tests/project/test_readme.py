"""The README's commands are those that are run, and its code runs too."""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib

import pytest

import ssldiff_core
from ssldiff_core.cli.command_line import build_parser
from tests.conftest import TREE

README = (TREE / "README.md").read_text(encoding="utf-8")
CI = (TREE / ".ci" / "run").read_text(encoding="utf-8")
START = "python3.11 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/python app.py"
TEST = "python3.11 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest"


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    return [content for name, content in fenced if name == language]


def command_lines() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith("ssldiff ")]


def test_the_readme_holds_both_commands_each_in_a_block_of_its_own() -> None:
    assert [block.strip() for block in blocks("sh")[:2]] == [START, TEST]


def test_ci_runs_the_readmes_test_command_as_it_stands_there() -> None:
    assert "python -m pytest$" in CI
    assert [line for line in README.splitlines() if line.endswith("python -m pytest")] == [TEST]
    assert (TREE / ".ci" / "run").stat().st_mode & 0o111


def test_the_commands_begin_what_the_tree_holds() -> None:
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (TREE / "app.py").is_file()
    assert {"test", "train"} <= set(project["optional-dependencies"])
    assert project["scripts"]["ssldiff"] == "ssldiff_core.cli:main"


@pytest.mark.parametrize("line", command_lines())
def test_every_ssldiff_command_of_the_readme_parses(line: str) -> None:
    arguments = build_parser().parse_args(shlex.split(line)[1:])
    assert callable(arguments.run)


def test_every_command_is_taught_by_its_help_with_examples_that_parse() -> None:
    parser = build_parser()
    action = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in action.choices.items():
        for line in re.findall(r"^  ssldiff (.*?)(?:\s{3,}.*)?$", command.epilog or "", flags=re.MULTILINE):
            assert callable(parser.parse_args(shlex.split(line)).run), f"{name}: {line}"


def test_the_python_of_the_readme_uses_public_names_only() -> None:
    (code,) = blocks("python")
    compile(code, "README.md", "exec")
    names = set(re.findall(r"ssldiff\.(\w+)", code))
    assert names <= set(ssldiff_core.__all__)


def test_the_tree_of_the_readme_is_the_tree() -> None:
    block = next(block for block in blocks("") if "app.py" in block)
    folder = TREE
    for line in block.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = TREE / name if name == "ssldiff_core/" else TREE
            assert (TREE / name).exists(), name
        else:
            assert (folder / name).exists(), name
