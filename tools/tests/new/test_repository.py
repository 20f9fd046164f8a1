"""Commits of a copy: the first one, and those that a later generation adds to the branch `generated`."""

import subprocess
from pathlib import Path

import pytest

from tools.develop.new import repository
from tools.develop.new.repository import Sources
from tools.kit.errors import CommandError

SOURCES = Sources("1" * 40, "scans/scan.py", ("receipts", "imports"))


@pytest.fixture(autouse=True)
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an author for commits, in settings that replace the user's; return their file."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = Owner\nemail = owner@localhost\n[core]\nexcludesFile = /nowhere\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    return settings


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def write(folder: Path, **texts: str) -> list[str]:
    """Write files with the extension .txt; return their names."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return [f"{name}.txt" for name in texts]


def create(folder: Path, **texts: str) -> Path:
    repository.create(folder, write(folder, **texts), SOURCES, "Generate scans")
    return folder


def add(copy: Path, files: Path, **texts: str) -> str:
    previous = repository.find_generated(copy)
    assert previous
    return repository.add(copy, files, write(files, **texts), previous, SOURCES, "Generate scans again")


def test_copy_has_one_commit_with_its_origin_and_no_remote(tmp_path: Path) -> None:
    copy = create(tmp_path / "copy", a="a")

    assert git(copy, "log", "--all", "--format=%D: %an: %s") == "HEAD -> main, generated: Owner: Generate scans"
    assert git(copy, "status", "--porcelain") == git(copy, "remote") == ""
    generated = repository.find_generated(copy)
    assert generated
    assert generated.sources == SOURCES


def test_ignored_files_are_committed_only_if_named(tmp_path: Path) -> None:
    write(tmp_path / "copy", b="b")
    (tmp_path / "copy" / ".gitignore").write_text("*.txt\n")

    copy = create(tmp_path / "copy", a="a")

    assert git(copy, "ls-files") == "a.txt"


def test_second_generation_adds_a_commit_that_merges_with_the_owners_changes(tmp_path: Path) -> None:
    copy = create(tmp_path / "copy", a="1\n2\n3\n4\n5\n", b="b")
    write(copy, a="1, mine\n2\n3\n4\n5\n", own="own")
    git(copy, "add", "--all")
    git(copy, "commit", "-m", "Mine")
    write(copy, own="not committed")

    commit = add(copy, tmp_path / "new", a="1\n2\n3\n4\n5, new\n", c="c")

    assert git(copy, "rev-parse", "generated") == commit
    assert git(copy, "log", "--format=%s", "generated").splitlines() == ["Generate scans again", "Generate scans"]
    assert git(copy, "status", "--porcelain") == "M own.txt"  # git strips the first column
    git(copy, "commit", "-am", "Mine, too")
    git(copy, "merge", "generated")
    assert (copy / "a.txt").read_text() == "1, mine\n2\n3\n4\n5, new\n"
    assert git(copy, "ls-files").split() == ["a.txt", "c.txt", "own.txt"]


def test_checked_out_branch_is_not_moved(tmp_path: Path) -> None:
    copy = create(tmp_path / "copy", a="a")
    git(copy, "switch", "--quiet", "generated")

    with pytest.raises(CommandError, match=r"`generated` is checked out. Run `git switch main`"):
        add(copy, tmp_path / "new", a="b")


@pytest.mark.parametrize("message", ["A branch of that name", None])
def test_other_repository_is_no_copy(tmp_path: Path, message: str | None) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=generated", "other")
    if message:
        git(tmp_path / "other", "commit", "--quiet", "--allow-empty", "-m", message)

    assert repository.find_generated(tmp_path / "other") is None
    assert repository.find_generated(tmp_path) is None


def test_only_committed_files_of_the_origin_are_exported(tmp_path: Path) -> None:
    origin = create(tmp_path / "origin", a="committed")
    (origin / "a.txt").chmod(0o755)
    git(origin, "commit", "-am", "Make it executable")
    assert not repository.has_changes(origin)
    write(origin, a="changed", b="new")

    paths = repository.export(origin, repository.head(origin), tmp_path / "files")

    assert repository.has_changes(origin)
    assert paths == ["a.txt"]
    assert (tmp_path / "files" / "a.txt").read_text() == "committed"
    assert (tmp_path / "files" / "a.txt").stat().st_mode & 0o100
