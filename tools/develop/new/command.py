"""`make new`: generate a copy of this project for another event, or generate an existing copy again."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import NamedTuple

import click

from ponto import __version__
from ponto.shared.event import Event
from tools.develop.new import copying, declaration, repository, sql, words
from tools.develop.new.repository import GENERATED, GeneratedCommit, Sources
from tools.develop.new.sql import TableChange
from tools.kit import commands, shared_options
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.project import ROOT

_EPILOG = """examples:
  make new DIR=../scans EVENT=scan.py
  make new DIR=../scans EVENT=scan.py SLICES=receipts,imports
  make new DIR=../scans EVENT=scan.py TESTS=all    with the tests of tools
  make new DIR=../scans    generate the copy again, after changes of this project

exit status: 0 generated, 1 a step failed, which is a mistake of this project, 2 the request is wrong, 3 generated
again, but the table needs, or may need, a migration for the changed declaration, which you write
"""
_TEMPLATES = Path(__file__).parent / "templates"
_VERSION_FILE = "ponto/__init__.py"
_FIRST_VERSION = "0.1.0"
_MIGRATION = re.compile(r".*/schema/(base/)?\d{4}_[^/]*\.sql")


class Declaration(NamedTuple):
    """A declared event with the text of its file, which imports the package of the origin."""

    event: Event
    text: str


class Origin(NamedTuple):
    """The project of which copies are made; tests pass another one."""

    root: Path
    finish: Callable[[Path], None]  # generates the documents of a copy, and formats its files


@commands.command(epilog=_EPILOG)
@click.argument("folder", type=shared_options.FILE, metavar="DIR", required=False)
@click.option("--event", "file", type=shared_options.FILE, metavar="FILE", help="Python file that declares the event.")
@click.option("--slices", metavar="NAMES", help="Slices to keep, separated by commas; by default none.")
@click.option("--tests", type=click.Choice(["all"]), help="Keep the tests of tools and of the load test, too.")
@shared_options.as_json
@click.pass_obj
def new(
    origin: Origin | None,
    folder: Path | None,
    file: Path | None,
    slices: str | None,
    tests: str | None,
    *,
    as_json: bool,
) -> int:
    """Generate an intake of another event in the new folder DIR, as a repository of its own.

    The files are those of this project's last commit, with the names, the statements and the documents of the event
    that FILE declares (docs/adapt.md). In a folder that this command has made, it only adds a commit to the branch
    `generated`, by default with the same declaration, slices and tests; merge it to get this project's changes.
    """
    if folder is None:
        raise CommandError("DIR: name the folder of the copy: make new DIR=../scans EVENT=scan.py.")
    folder = folder.resolve()  # without `..`, so that a folder beside this project is not one in it
    origin = origin or Origin(ROOT, _finish)
    previous = repository.find_generated(folder) if folder.is_dir() else None
    if previous is None:
        _check_new_folder(folder, origin.root)
    commit = repository.head(origin.root)
    if repository.has_changes(origin.root):
        print_status("Changes that are not committed are left out: the copy is made of the last commit.")
    with tempfile.TemporaryDirectory(dir=_parent(folder, previous), prefix=".new-") as temporary:
        work = Path(temporary)
        declared = _load(file, folder, previous)
        names = get_names(declared.event)
        slice_names = previous.sources.slices if previous and slices is None else _split(slices)
        changes = _compare(folder, previous, declared.event) if previous and file else []
        files = work / "files"
        with_tests = bool(tests) or bool(
            previous and any(map(copying.is_test_of_tools, repository.list_paths(folder, previous.id)))
        )
        paths = build(files, origin, commit, declared, slice_names, with_tests=with_tests)
        sources = Sources(commit, _declaration_path(names), tuple(slice_names))
        subject = f"Generate {names.service} from {words.PROJECT} {__version__}"
        if previous:
            _keep_migrations(folder, previous, files, paths)
            generated = repository.add(folder, files, paths, previous, sources, subject)
        else:
            generated = repository.create(files, paths, sources, subject)
            repository.git(files, "clean", "-fdxq")
            files.rename(folder)
    is_changed = previous is None or previous.id != generated
    if as_json:
        missing = None if changes is None else [change._asdict() for change in changes]
        result = {"folder": str(folder), "commit": generated, "origin": commit, "changed": is_changed}
        print_json({**result, "missingMigration": missing})
    elif previous is None:
        print_result(f"{folder} has a commit on main. Next:", f"  cd {shlex.quote(str(folder))} && make run")
    elif is_changed:
        _print_next_steps(folder, changes)
    else:
        print_result(f"The branch {GENERATED} is up to date.")
    return 3 if changes or changes is None else 0


def _parent(folder: Path, previous: GeneratedCommit | None) -> Path | None:
    """Return the folder for temporary files: that of a new copy, which is renamed; the default one for an old copy."""
    if previous:
        return None
    if not folder.parent.is_dir():
        raise CommandError(f"DIR: {folder.parent} does not exist. Create it, or name another folder.")
    return folder.parent


def _check_new_folder(folder: Path, root: Path) -> None:
    if folder.is_relative_to(root):
        raise CommandError(f"DIR: {folder} is in this project. Name a folder beside it, such as ../scans.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CommandError(
            f"DIR: {folder} is neither new nor empty, and has no branch `{GENERATED}` of `make new`. Name another one. "
            f"In a clone of such a copy, first run `git branch {GENERATED} origin/{GENERATED}`."
        )


def _split(slices: str | None) -> list[str]:
    return [name for name in re.split(r"[,\s]+", slices or "") if name]


def _load(file: Path | None, folder: Path, previous: GeneratedCommit | None) -> Declaration:
    """Load the declaration of a file, by default that of the last generation of a copy."""
    if file:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(
                f"EVENT: {file} is no text file. Name the Python file that declares the event."
            ) from error
    elif previous:
        text = repository.read(folder, previous.id, previous.sources.declaration)
    else:
        raise CommandError("EVENT: name the file that declares the event: EVENT=scan.py (docs/adapt.md).")
    if previous:
        text = _import_from_origin(text, previous)
    try:
        return Declaration(declaration.load(text, str(file or "the last declaration")), text)
    except CommandError as error:
        if file or previous is None:
            raise
        declared_in = previous.sources.declaration
        raise CommandError(f"{error}\nCorrect a copy of {declared_in}, and name it: EVENT=FILE.") from error


def _import_from_origin(text: str, previous: GeneratedCommit) -> str:
    """Rename the imports of a declaration of a copy."""
    return _rename_imports(text, previous.sources.declaration.partition("/")[0], words.ORIGIN.package)


def _compare(folder: Path, previous: GeneratedCommit, event: Event) -> list[TableChange] | None:
    """Compare a declaration with that of the last generation, which may break rules of this version.

    Returns:
        Changes of the table; None: unknown, as this version cannot read the last declaration.

    Raises:
        CommandError: the new declaration has other names.
    """
    path = previous.sources.declaration
    text = _import_from_origin(repository.read(folder, previous.id, path), previous)
    try:
        old = declaration.execute(text, path)
        get_names(old)
        changes = sql.compare_tables(old, event)
    except Exception:  # noqa: BLE001  without the checks of this version it may have any mistake
        return None
    _check_same_names(folder, old, event)
    return changes


def _check_same_names(folder: Path, old: Event, new: Event) -> None:
    """Check that a new declaration has the names that the files, the table and the stages of a copy already have."""
    old_names = get_names(old)
    new_names = get_names(new)._replace(plural_pt=old_names.plural_pt, example=old_names.example)
    for field, old_value, new_value in zip(old_names._fields, old_names, new_names, strict=True):
        if old_value != new_value:
            raise CommandError(
                f"EVENT: {field.replace('_', ' ')} is {new_value!r}, but {folder} was generated with {old_value!r}. "
                "Restore it; rename in the copy itself."
            )
    old_id, new_id = _derivation(old), _derivation(new)
    if old_id != new_id:
        raise CommandError(
            f"EVENT: derived_id: ids would be derived from {new_id}, but {folder} was generated with {old_id}. Restore "
            "it: an event that is sent before a deploy and again after it would be stored twice."
        )


def _derivation(event: Event) -> str:
    """Return the columns from which an event's id is derived."""
    return "no columns" if event.derived_id is None else ", ".join((*event.derived_id, event.instant))


def get_names(event: Event) -> words.Names:
    """Return the names of the copy for an event."""
    return words.Names(
        event.service,
        re.sub("[^a-z0-9]", "", event.service),
        event.path,
        event.table,
        event.noun,
        event.subject_noun,
        event.subject,
        event.fields[event.subject].name,
        event.plural_pt or "mensagens",
        event.examples[0][event.fields[event.subject].name],
    )


def _declaration_path(names: words.Names) -> str:
    return f"{names.package}/{names.noun[0]}.py"


def _rename_imports(text: str, old: str, new: str) -> str:
    """Rename a declaration's imports of a package, and names such as `ponto.shared.fields.uuid`."""
    text = re.sub(rf"^( *(?:from|import) ){old}\b", rf"\g<1>{new}", text, flags=re.MULTILINE)
    return re.sub(rf"(?<![\w.]){old}(?=\.(?:event|fields)\b)", new, text)


def build(
    folder: Path,
    origin: Origin,
    commit: str,
    declared: Declaration,
    slices: Sequence[str],
    *,
    with_tests: bool = False,
) -> list[str]:
    """Write the files of a copy into a new folder.

    Args:
        folder: the folder.
        origin: the origin.
        commit: the origin's commit.
        declared: the event.
        slices: the slices to keep.
        with_tests: whether to keep the tests of tools.

    Returns:
        Paths of the files.

    Raises:
        CommandError: the names collide, or a slice cannot be kept, or a step failed.
    """
    names = get_names(declared.event)
    renaming = words.Renaming(names)
    original = folder.with_name("original")
    paths = repository.export(origin.root, commit, original)
    texts = {path: text for path in paths if (text := _read_text(original / path)) is not None}
    kept = copying.select_slices(slices, texts)
    copied = [path for path in paths if copying.is_copied(path, kept, with_tests=with_tests)]
    print_status(f"copying {pluralize(len(copied), 'file')} of commit {commit[:12]}")
    texts = {path: copying.adapt(path, texts[path]) for path in copied if path in texts}
    texts[copying.ENABLED_SLICES] = "\n".join(kept or ["# no slices"]) + "\n"
    texts[_VERSION_FILE] = re.sub('(?<=__version__ = ").*(?=")', _FIRST_VERSION, texts[_VERSION_FILE])
    texts["CHANGELOG.md"] = (_TEMPLATES / "CHANGELOG.md").read_text(encoding="utf-8")
    texts["README.md"] = (_TEMPLATES / "README.md").read_text(encoding="utf-8") + "\n" + texts["README.md"].lstrip("\n")
    page = Template((_TEMPLATES / "origin.md").read_text(encoding="utf-8"))
    written = {
        "docs/origin.md": page.substitute(commit=commit, declaration=_declaration_path(names)),
        "ruff.toml": (_TEMPLATES / "ruff_settings.toml").read_text(encoding="utf-8"),
        **sql.generate(texts, declared.event, renaming),
        _declaration_path(names): _rename_imports(declared.text, words.ORIGIN.package, names.package),
    }
    others = {path: text for path, text in texts.items() if renaming.rename_name(path) not in written}
    if taken := words.find_taken_names(others, renaming):
        nouns = ", ".join(f"`{noun}`" for noun in (*names.noun, *names.subject_noun))
        raise CommandError(f"EVENT: choose other nouns than {nouns}, as these names are taken: {', '.join(taken)}.")
    for path in copied:
        target = folder / renaming.rename_name(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(original / path, target)
        if path in texts and path not in copying.VERBATIM:
            target.write_text(renaming.rename(texts[path]), encoding="utf-8", newline="")
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="")
    origin.finish(folder)
    return sorted({*map(renaming.rename_name, copied), *written})


def _read_text(file: Path) -> str | None:
    """Return the text of a file; None if it has none, such as a picture."""
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def _finish(folder: Path) -> None:
    """Generate the documents of a copy, and format its files, without unused imports of the declaration."""
    print_status("generating its documents")
    _run(folder, sys.executable, "-m", "tools.develop.docs")
    print_status("formatting it")
    _run(folder, "ruff", "check", "--quiet", "--no-cache", "--fix", "--select", "F401,I,RUF022", ".")
    _run(folder, "ruff", "format", "--quiet", "--no-cache", ".")


def _run(folder: Path, *command: str) -> None:
    """Run a command of a copy, whose Python then imports the copy's code instead of this project's."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "PYTEST", "STAGE"))
    }
    environment |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        output = "\n".join((run.stdout + run.stderr).splitlines()[-15:])
        raise CommandError(f"{' '.join(command[-3:])} failed in the copy, a mistake of this project:\n{output}", 1)


def _keep_migrations(folder: Path, previous: GeneratedCommit, files: Path, paths: Sequence[str]) -> None:
    """Replace the migrations that the copy already has by its own, as they may have been applied."""
    for path in repository.list_paths(folder, previous.id):
        if path in paths and _MIGRATION.fullmatch(path):
            (files / path).write_text(repository.read(folder, previous.id, path), encoding="utf-8", newline="")


def _print_next_steps(folder: Path, changes: list[TableChange] | None) -> None:
    """Print what the owner of a copy does after a new commit on its branch `generated`."""
    print_result(f"The branch {GENERATED} has a new commit.")
    if changes:
        print_result(
            "It has no migration for the changed declaration: the table differs in",
            *(f"  {line}" for change in changes for line in str(change).split("\n")),
            "Write that migration in the merged branch before you deploy it, and CHANGELOG.md; the other steps in "
            "CONTRIBUTING.md (Change something) are done.",
        )
    elif changes is None:
        print_result(
            "It may need a migration: this version cannot read the last declaration, so compare names, `derived_id` "
            "and columns yourself."
        )
    first = "Commit your changes there, then merge it" if repository.has_changes(folder) else "Merge it"
    print_result(f"{first}:", f"  cd {shlex.quote(str(folder))} && git merge {GENERATED}")


def main(arguments: Sequence[str] | None = None, origin: Origin | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(new, "make new", arguments, origin)
