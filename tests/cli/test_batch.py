"""Lists of commands: shared out without a rest, done once, resumed after a kill, and merged."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ssldiff_core.cli import main
from ssldiff_core.cli.batch import parse_devices
from ssldiff_core.cli.shards import Done, Shard, append, digest_line, parse_shard, read_items, read_ledgers
from ssldiff_core.errors import SettingsError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five files to inspect, and a list of commands that do so."""
    monkeypatch.chdir(tmp_path)
    names = [f"{letter}.txt" for letter in "abcde"]
    for name in names:
        Path(name).write_text(name, "utf-8")
    Path("list.txt").write_text("# a comment\n\n" + "".join(f"ssldiff inspect {name}\n" for name in names), "utf-8")
    return names


def test_shards_share_every_item_once() -> None:
    for count in (1, 2, 4, 7):
        shares = [[item for item in range(10) if Shard(k, count).takes(item)] for k in range(count)]
        assert sorted(item for share in shares for item in share) == list(range(10))


@pytest.mark.parametrize("text", ["4/4", "1", "a/b", "-1/4", "0/0"])
def test_no_shard_is_told(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_shard(text)


def test_devices_are_counted_as_written() -> None:
    assert parse_devices("0-2,5") == ["0", "1", "2", "5"]
    with pytest.raises(SettingsError):
        parse_devices("3-1")


def test_shards_do_their_part_and_merge_tells_what_is_missing(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", "list.txt", "-o", "done", "--shard", "0/2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"items": 3, "done": 3, "failed": []}
    assert main(["merge", "list.txt", "done"]) == 1
    assert "missing: ssldiff inspect b.txt" in capsys.readouterr().out
    assert main(["batch", "list.txt", "-o", "done", "--shard", "1/2"]) == 0
    assert main(["merge", "list.txt", "done", "-o", "all.json"]) == 0
    account = json.loads(Path("all.json").read_text("utf-8"))
    assert account["counts"] == {"done": 5, "failed": 0, "missing": 0}
    assert [record["facts"]["file"] for record in account["items"]] == files


def test_what_is_done_is_not_done_again_and_what_failed_is(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.txt").unlink()
    assert main(["batch", "list.txt", "-o", "done"]) == 1
    assert "there is no such file" in capsys.readouterr().out
    Path("c.txt").write_text("back", "utf-8")
    Path("a.txt").unlink()  # done already: nobody looks for it again
    assert main(["batch", "list.txt", "-o", "done"]) == 0
    assert len(Path("done/shard-0-of-1.jsonl").read_text("utf-8").splitlines()) == 6


def test_another_division_goes_on_where_the_first_ended(files: list[str]) -> None:
    assert main(["batch", "list.txt", "-o", "done", "--shard", "0/3"]) == 0
    assert main(["batch", "list.txt", "-o", "done"]) == 0
    lines = [line for ledger in Path("done").glob("*.jsonl") for line in ledger.read_text("utf-8").splitlines()]
    assert len(lines) == 5


def test_a_ledger_cut_short_by_a_kill_loses_one_line_alone(files: list[str]) -> None:
    assert main(["batch", "list.txt", "-o", "done"]) == 0
    ledger = Path("done/shard-0-of-1.jsonl")
    ledger.write_bytes(ledger.read_bytes()[:-20])
    assert len(read_ledgers(Path("done"))) == 4


def test_a_misspelt_line_fails_alone(files: list[str]) -> None:
    Path("list.txt").write_text("inspect a.txt\nno-such-command\ninspect b.txt\n", "utf-8")
    assert main(["batch", "list.txt", "-o", "done"]) == 1
    assert [done.code for done in read_ledgers(Path("done")).values()] == [0, 2, 0]


def test_blanks_do_not_make_another_item(tmp_path: Path) -> None:
    assert digest_line("inspect  a.txt ") == digest_line("inspect a.txt")
    append(tmp_path / "shard-0-of-1.jsonl", Done("inspect a.txt", 0, 1.0, {"x": 1}))
    assert read_ledgers(tmp_path)[digest_line("inspect a.txt")].facts == {"x": 1}


@pytest.mark.parametrize("content", ["", "# nothing\n", "inspect a\ninspect a\n"])
def test_a_list_of_nothing_or_twice_the_same_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.txt").write_text(content, "utf-8")
    with pytest.raises(SettingsError):
        read_items(tmp_path / "list.txt")


@pytest.mark.slow
def test_a_process_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text(str(number), "utf-8")
    (tmp_path / "list.txt").write_text("".join(f"inspect {n}.txt\n" for n in range(60)), "utf-8")
    words = [sys.executable, "-m", "ssldiff_core.cli", "batch", "list.txt", "-o", "done", "--processes", "2"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as parent:
        deadline = time.monotonic() + 300
        while not list((tmp_path / "done").glob("*.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.02)
        psutil.Process(parent.pid).children()[0].send_signal(signal.SIGKILL)
        told = parent.communicate(timeout=300)[1]
    assert parent.returncode == 0, told
    assert "started again" in told
    assert len(read_ledgers(tmp_path / "done")) == 60


@pytest.mark.slow
def test_a_ray_worker_that_is_killed_loses_nothing_and_what_is_done_stays_done(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(str(number), "utf-8")
    (tmp_path / "list.txt").write_text("".join(f"inspect {n}.txt\n" for n in range(40)) + "inspect no.txt\n", "utf-8")
    words = [sys.executable, "-m", "ssldiff_core.cli", "batch", "list.txt", "-o", "done", "--ray", "--json"]
    ledger = tmp_path / "done" / "shard-0-of-1.jsonl"
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        deadline, victim = time.monotonic() + 400, None
        while victim is None and time.monotonic() < deadline and parent.poll() is None:
            for process in psutil.Process(parent.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "_run_there" in "".join(process.cmdline()):  # a worker at a task says so in its title
                        victim = process
        assert victim is not None
        victim.kill()
        said, told = parent.communicate(timeout=400)
    assert json.loads(said) == {"items": 41, "done": 40, "failed": ["inspect no.txt"]}, told
    assert len(ledger.read_text("utf-8").splitlines()) == 41

    (tmp_path / "no.txt").write_text("there", "utf-8")
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400)
    assert json.loads(again.stdout) == {"items": 41, "done": 41, "failed": []}
    assert len(ledger.read_text("utf-8").splitlines()) == 42  # one item was run, and no other


def test_a_batch_on_ray_says_how_to_get_it(files: list[str], monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["batch", "list.txt", "-o", "done", "--ray"]) == 2
    assert "ssldiff[cluster]" in capsys.readouterr().err
