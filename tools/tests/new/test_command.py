"""`make new`: copies of a small origin with the declaration of examples/orders, and requests that it refuses."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands import CommandResult, Run, runner
from tools.develop.new import command
from tools.develop.new.command import Origin
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

ORDER = ROOT / "examples" / "orders" / "order.py"
FILES = {
    "README.md": "<!-- only in the origin: begin -->\nA [lab](lab/README.md).\n<!-- only in the origin: end -->\n"
    "\nA punch of an employee.\n",
    "CHANGELOG.md": "History.\n",
    "LICENSE": "The authors of batida-ponto-serverless.\n",
    "docs/deploy.md": "",
    "lab/README.md": "",
    "ponto/__init__.py": '__version__ = "9.0.0"\n',
    "ponto/punch.py": "",
    "ponto/drain/store.py": "from ponto.punch import Punch\n",
    "ponto/schema/base/0001_batida.sql": "create table ponto.batida (\n    recebida_em date,\n    chave text\n);\n",
    "ponto/schema/base/0002_more.sql": "create table ponto.more ();\n",
    "slices/enabled.txt": "clocks\nimports\n",
    "slices/clocks/commands.py": "",
    "slices/imports/commands.py": "",
}


class Project:
    """An origin with few files, and the command that copies it."""

    def __init__(self, root: Path, run: Run) -> None:
        self.root = root
        self._run = run
        root.mkdir()
        git(root, "init", "--quiet")
        self.commit(FILES)

    def commit(self, texts: dict[str, str]) -> str:
        """Commit files; return the id of the commit."""
        for path, text in texts.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", "A change")
        return git(self.root, "rev-parse", "HEAD")

    def new(self, *words: object) -> CommandResult:
        return self._run(*words)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Project:
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = Owner\nemail = owner@localhost\n[init]\ndefaultBranch = master\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)
    # The real function generates documents and formats files, and leaves caches.
    origin = Origin(tmp_path / "origin", lambda folder: (folder / "cache").touch())
    return Project(origin.root, runner(capsys, collaborators=origin, main=command.main))


def test_copy_is_a_repository_with_one_commit_that_names_its_sources(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    result = project.new(copy, "--event", ORDER)

    assert (result.status, result.out) == (0, f"{copy} has a commit on main. Next:\n  cd {copy} && make run\n")
    origin = git(project.root, "rev-parse", "HEAD")
    message = git(copy, "log", "--all", "--format=%D%n%an%n%B").splitlines()
    assert message[:2] == ["HEAD -> main, generated", "Owner"]
    assert message[2].startswith("Generate shop-orders from batida-ponto-serverless ")
    assert message[-3:] == [f"Origin: {origin}", "Declaration: shoporders/order.py", "Slices: none"]
    assert git(copy, "remote") == git(copy, "status", "--porcelain", "--ignored") == ""
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_copy_has_the_names_of_the_event_and_the_declaration(project: Project, tmp_path: Path) -> None:
    assert project.new(tmp_path / "copy", "--event", ORDER).status == 0

    paths = {path for path in git(tmp_path / "copy", "ls-files").splitlines() if "sql" not in path}
    assert paths == {
        *("CHANGELOG.md", "LICENSE", "README.md", "docs/deploy.md", "docs/origin.md", "ruff.toml"),
        *("shoporders/__init__.py", "shoporders/order.py", "shoporders/drain/store.py", "slices/enabled.txt"),
    }
    copy = tmp_path / "copy"
    assert (copy / "shoporders/drain/store.py").read_text() == "from shoporders.order import Order\n"
    assert (copy / "shoporders/order.py").read_text() == ORDER.read_text().replace("from ponto.", "from shoporders.")
    assert (copy / "shoporders/schema/base/0002_more.sql").read_text() == "create table shoporders.more ();\n"
    assert (copy / "README.md").read_text().endswith("\n\nAn order of a shop.\n")
    assert "lab" not in (copy / "README.md").read_text()
    assert (copy / "shoporders" / "__init__.py").read_text() == '__version__ = "0.1.0"\n'
    assert "History" not in (copy / "CHANGELOG.md").read_text()
    assert "batida-ponto-serverless" in (copy / "LICENSE").read_text()
    assert git(project.root, "rev-parse", "HEAD") in (copy / "docs" / "origin.md").read_text()


def test_slice_is_kept_if_asked_for(project: Project, tmp_path: Path) -> None:
    assert project.new(tmp_path / "copy", "--event", ORDER, "--slices", "imports").status == 0

    assert (tmp_path / "copy" / "slices" / "enabled.txt").read_text() == "imports\n"
    assert (tmp_path / "copy" / "slices" / "imports" / "commands.py").exists()


def test_uncommitted_changes_are_left_out_with_a_notice(project: Project, tmp_path: Path) -> None:
    (project.root / "docs" / "deploy.md").write_text("not committed")

    result = project.new(tmp_path / "copy", "--event", ORDER)

    assert "Changes that are not committed are left out" in result.err
    assert (tmp_path / "copy" / "docs" / "deploy.md").read_text() == ""


def test_second_run_adds_a_commit_to_the_branch_that_merges(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    project.new(copy, "--event", ORDER, "--slices", "imports")
    (copy / "README.md").write_text("Mine.\n")
    git(copy, "commit", "--quiet", "-am", "Mine")
    origin = project.commit({"docs/deploy.md": "About a punch.\n", "ponto/schema/base/0005_more.sql": "-- more\n"})

    result = project.new(copy)

    assert (result.status, result.out.splitlines()[-1]) == (0, f"  cd {copy} && git merge generated")
    assert git(copy, "log", "-1", "--format=%(trailers:key=Origin,valueonly)%P", "generated") == (
        f"{origin}\n{git(copy, 'rev-parse', 'main~1')}"
    )
    git(copy, "merge", "--quiet", "generated")
    assert (copy / "README.md").read_text() == "Mine.\n"
    assert (copy / "docs" / "deploy.md").read_text() == "About an order.\n"
    assert (copy / "shoporders/schema/base/0005_more.sql").read_text() == "-- more\n"
    assert (copy / "slices" / "imports" / "commands.py").exists()


def test_second_run_without_changes_adds_no_commit(project: Project, tmp_path: Path) -> None:
    first = project.new(tmp_path / "copy", "--event", ORDER, "--json").json

    second = project.new(tmp_path / "copy", "--json").json

    assert second == first | {"changed": False}


def test_migrations_of_a_copy_are_not_written_again(project: Project, tmp_path: Path) -> None:
    copy, changed = tmp_path / "copy", tmp_path / "order.py"
    project.new(copy, "--event", ORDER)
    migration = git(copy, "show", "generated:shoporders/schema/base/0001_pedidos.sql")
    changed.write_text(ORDER.read_text().replace("display_text(64,", "display_text(32,"))
    project.commit({"ponto/schema/base/0002_more.sql": "-- changed\n"})

    assert project.new(copy, "--event", changed).status == 3

    assert "display_text(32," in git(copy, "show", "generated:shoporders/order.py")
    assert git(copy, "show", "generated:shoporders/schema/base/0001_pedidos.sql") == migration
    assert "changed" not in git(copy, "show", "generated:shoporders/schema/base/0002_more.sql")


def test_changes_of_the_table_that_need_a_migration_are_listed_once(project: Project, tmp_path: Path) -> None:
    copy, changed = tmp_path / "copy", tmp_path / "order.py"
    project.new(copy, "--event", ORDER)
    text = ORDER.read_text().replace('"app", "loja")', '"app")').replace(", uuid\n", ", text, uuid\n")
    field = """    cupom: Annotated[str | None, text(8, "[A-Z]{1,8}", "Code of a discount.")] = None\n"""
    changed.write_text(text.replace("\n\n\nEVENT", f"\n{field}\n\nEVENT"))
    (copy / "shoporders/order.py").write_text(changed.read_text())

    result = project.new(copy, "--event", changed)

    assert result.status == 3
    assert "    becomes text check (canal in ('site', 'app'))\n  column cupom is new: text check (" in result.out
    assert project.new(copy).status == 0
    undone = project.new(copy, "--event", ORDER, "--json")
    assert undone.status == 3
    canal, cupom = undone.json["missingMigration"]
    assert (canal["name"], cupom["name"], cupom["after"]) == ("column canal", "column cupom", None)


def test_name_of_a_copy_cannot_be_changed_by_generating_again(project: Project, tmp_path: Path) -> None:
    project.new(tmp_path / "copy", "--event", ORDER)
    (tmp_path / "order.py").write_text(ORDER.read_text().replace('table="pedidos"', 'table="compra"'))

    result = project.new(tmp_path / "copy", "--event", tmp_path / "order.py")

    assert result.status == 2
    assert "EVENT: table is 'compra', but" in result.err
    assert "'pedidos'. Restore it" in result.err


@pytest.mark.parametrize(
    ("new", "message"),
    [('derived_id=("pedido", "loja")', "from pedido, loja, criado, but"), ("derived_id=None", "from no columns, but")],
)
def test_ids_of_a_copy_are_derived_from_the_same_columns(
    new: str, message: str, project: Project, tmp_path: Path
) -> None:
    text = ORDER.read_text().replace(", uuid\n", ", text, uuid\n")
    text = text.replace(
        'display_text(64, "Name that the shop gives to the order.", min_length=1)', 'text(8, "[A-Z0-9-]{1,8}", "x")'
    )
    (tmp_path / "order.py").write_text(text)
    assert project.new(tmp_path / "copy", "--event", tmp_path / "order.py").status == 0
    text = text.replace('derived_id=("loja", "pedido")', new)
    if new.endswith("None"):
        text = text.replace('{"loja"', '{"id": "0199a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "loja"')
    (tmp_path / "order.py").write_text(text)

    result = project.new(tmp_path / "copy", "--event", tmp_path / "order.py")

    assert result.status == 2
    assert message in result.err
    assert "generated with loja, pedido, criado. Restore it" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "DIR: name the folder of the copy: make new DIR=../scans EVENT=scan.py."),
        (["copy"], "EVENT: name the file that declares the event"),
        (["copy", "--event", "none.py"], "EVENT: none.py is no text file. Name the Python file that declares the"),
        (["none/copy", "--event", ORDER], "none does not exist. Create it, or name another folder."),
        (["used", "--event", ORDER], "used is neither new nor empty, and has no branch `generated`"),
        (["origin/copy", "--event", ORDER], "origin/copy is in this project. Name a folder beside it"),
        (["copy", "--event", ORDER, "--slices", "clocks"], "SLICES: there is no slice `clocks`, or it is about"),
    ],
    ids=str,
)
def test_wrong_request_is_refused_and_leaves_nothing(
    words: Sequence[object], message: str, project: Project, tmp_path: Path
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    before = sorted(tmp_path.iterdir())

    result = project.new(*(tmp_path / str(word) if index == 0 else word for index, word in enumerate(words)))

    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert sorted(tmp_path.iterdir()) == before


def test_failed_step_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], project: Project) -> None:
    def fail(_folder: Path) -> None:
        raise CommandError("tools.develop.docs failed", 1)

    before = sorted(tmp_path.iterdir())

    result = runner(capsys, collaborators=Origin(project.root, fail), main=command.main)(
        tmp_path / "copy", "--event", ORDER
    )

    assert (result.status, result.err.splitlines()[-1]) == (1, "make new: tools.develop.docs failed")
    assert sorted(tmp_path.iterdir()) == before


def test_missing_author_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("")

    result = project.new(tmp_path / "copy", "--event", ORDER)

    assert result.status == 2
    assert "user.email" in result.err
    assert not (tmp_path / "copy").exists()


def test_target_without_folder_is_refused_before_packages_are_installed() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ARGS", "MAKE"))}
    run = subprocess.run(["make", "new"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout) == (2, "")
    assert "DIR: name the folder" in run.stderr
