"""Git: the origin's commit, and the commits of a copy.

A copy has a branch `generated`, whose commits `make new` writes without touching the owner's files.
"""

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools.kit.errors import CommandError

MAIN, GENERATED = "main", "generated"
_KEEP_LINE_ENDINGS = ("-c", "core.autocrlf=false", "-c", "core.safecrlf=false")


class Sources(NamedTuple):
    """Sources of a generated commit, as its message names them."""

    commit: str  # id of the origin's commit
    declaration: str  # path in the copy
    slices: tuple[str, ...]


class GeneratedCommit(NamedTuple):
    """The newest commit of the branch `generated`."""

    id: str
    tree: str
    sources: Sources


def git(folder: Path, *arguments: str, stdin: str | None = None, **variables: str) -> str:
    """Run git in a folder, and return its output without the final line break.

    Args:
        folder: the folder.
        arguments: the arguments.
        stdin: text for the standard input.
        variables: environment variables to set.

    Raises:
        CommandError: git is missing, or failed.
    """
    kept = ("GIT_AUTHOR", "GIT_COMMITTER", "GIT_CONFIG")
    inherited = {name: value for name, value in os.environ.items() if name[:4] != "GIT_" or name.startswith(kept)}
    try:
        run = subprocess.run(
            ["git", *_KEEP_LINE_ENDINGS, *arguments],
            cwd=folder,
            env=inherited | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise CommandError("git is not installed. Install it.") from None
    if run.returncode:
        raise CommandError(f"git failed in {folder}: {run.stderr.strip()}")
    return run.stdout.removesuffix("\n")


def head(root: Path) -> str:
    """Return the id of the last commit of the origin.

    Raises:
        CommandError: the folder is no clone, or it has no commit.
    """
    if not (root / ".git").exists():
        raise CommandError(f"{root} is no git repository, so its commit cannot be named. Clone the project with git.")
    return git(root, "rev-parse", "HEAD")


def has_changes(folder: Path) -> bool:
    """Return whether a repository has changes that are not committed."""
    return bool(git(folder, "status", "--porcelain"))


def export(root: Path, commit: str, folder: Path) -> list[str]:
    """Write the files of a commit into a new folder, and return their paths."""
    index = str(folder.with_name(f"{folder.name}.index"))
    git(root, "read-tree", commit, GIT_INDEX_FILE=index)
    git(root, "checkout-index", "--all", f"--prefix={folder}/", GIT_INDEX_FILE=index)
    return git(root, "ls-files", "-z", GIT_INDEX_FILE=index).rstrip("\0").split("\0")


def create(folder: Path, paths: Iterable[str], sources: Sources, subject: str) -> str:
    """Make a folder a repository without remotes: `main` and `generated` are at one commit of its files.

    Returns:
        Id of the commit.
    """
    git(folder, "init", "--quiet", f"--initial-branch={MAIN}", "--template=")
    commit = _commit(folder, folder, folder / ".git" / "index", paths, _message(subject, sources))
    for branch in (MAIN, GENERATED):
        git(folder, "update-ref", f"refs/heads/{branch}", commit)
    return commit


def find_generated(folder: Path) -> GeneratedCommit | None:
    """Return the last commit of the branch `generated` of a copy; None if the folder is no copy."""
    if not (folder / ".git").exists() or not git(folder, "for-each-ref", f"refs/heads/{GENERATED}"):
        return None
    commit, tree, message = git(folder, "log", "-1", "--format=%H%n%T%n%B", GENERATED).split("\n", 2)
    trailers = dict(re.findall(r"^(Origin|Declaration|Slices): (.*)$", message, re.MULTILINE))
    if len(trailers) != len(Sources._fields):
        return None
    slices = tuple(name for name in trailers["Slices"].split(", ") if name != "none")
    return GeneratedCommit(commit, tree, Sources(trailers["Origin"], trailers["Declaration"], slices))


def add(
    folder: Path, files: Path, paths: Iterable[str], parent: GeneratedCommit, sources: Sources, subject: str
) -> str:
    """Add a commit to the branch `generated` of a copy, without touching its files and its index.

    Args:
        folder: the copy.
        files: folder with the files of the commit.
        paths: their paths.
        parent: the branch's last commit.
        sources: the sources of the files.
        subject: subject of the commit.

    Returns:
        Id of the new commit; of the last one if the files are the same.

    Raises:
        CommandError: the branch is checked out, so its files would differ from it.
    """
    if git(folder, "rev-parse", "--symbolic-full-name", "HEAD") == f"refs/heads/{GENERATED}":
        raise CommandError(f"{folder}: the branch `{GENERATED}` is checked out. Run `git switch {MAIN}` there.")
    index = files.with_name(f"{files.name}.generated")
    commit = _commit(folder, files, index, paths, _message(subject, sources), parent)
    git(folder, "update-ref", f"refs/heads/{GENERATED}", commit, parent.id)
    return commit


def read(folder: Path, commit: str, path: str) -> str:
    """Return the text of a file of a commit."""
    return git(folder, "cat-file", "blob", f"{commit}:{path}") + "\n"


def list_paths(folder: Path, commit: str) -> list[str]:
    """Return the paths of the files of a commit."""
    return git(folder, "ls-tree", "-r", "-z", "--name-only", commit).rstrip("\0").split("\0")


def _commit(
    folder: Path, files: Path, index: Path, paths: Iterable[str], message: str, parent: GeneratedCommit | None = None
) -> str:
    repository = ("--git-dir", git(folder, "rev-parse", "--absolute-git-dir"), "--work-tree", str(files))
    variables = {"GIT_INDEX_FILE": str(index)}
    names = "\0".join(paths)
    # With --force, as the user's own list of ignored files does not count.
    options = ("--force", "--pathspec-from-file=-", "--pathspec-file-nul")
    git(files, "--literal-pathspecs", *repository, "add", *options, stdin=names, **variables)
    tree = git(files, *repository, "write-tree", **variables)
    if parent and tree == parent.tree:
        return parent.id
    parents = ("-p", parent.id) if parent else ()
    # Only the configured author, not one that git guesses from the names of the user and of the machine.
    return git(folder, "-c", "user.useConfigOnly=true", "commit-tree", tree, *parents, "-F", "-", stdin=message)


def _message(subject: str, sources: Sources) -> str:
    slices = ", ".join(sources.slices) or "none"
    return f"""\
{subject}

`make new` wrote all files, from the commit below of the project that is
named above. Later commits of that project reach this one by `make new`
again, which adds a commit to the branch `{GENERATED}`: merge it.

Origin: {sources.commit}
Declaration: {sources.declaration}
Slices: {slices}
"""
