"""Files that a copy gets, what is marked as only for the origin, and slices."""

import pytest

from tools.develop.new.copying import adapt, is_copied, select_slices
from tools.kit.errors import CommandError

SLICES = {
    "slices/enabled.txt": "# a comment\nimports\nclocks\nwatches\nother\nextra\n",
    "slices/imports/commands.py": "",
    "slices/clocks/commands.py": "",
    "slices/watches/aws.yml": "needs: [clocks]\nhttp: !Ref x\n",
    "slices/other/commands.py": "",
    "slices/extra/aws.yml": "needs: [other]\n",
}


BEGIN, END = "<!-- only in the origin: begin -->", "<!-- only in the origin: end -->"


@pytest.mark.parametrize(
    ("text", "adapted"),
    [
        (f"a\n\n{BEGIN}\nb\n\nb\n{END}\n\nc\n", "a\n\nc\n"),
        (f"{BEGIN}\nb\n{END}\n\nc\n", "c\n"),
        (f"a\n{BEGIN}\nb\n{END}\n\nc\n{BEGIN}\nd\n{END}\n", "a\n\nc\n"),
        ("a\n\nb <!-- only in the origin -->\n\nc\n", "a\n\nc\n"),
        ("| a | <!-- only in the origin -->\n| b |\n", "| b |\n"),
        ("a\n\n\nb, only in the origin\n", "a\n\n\nb, only in the origin\n"),
    ],
)
def test_marked_text_is_left_out(text: str, adapted: str) -> None:
    assert adapt("a.md", text) == adapted


@pytest.mark.parametrize("text", [f"{BEGIN}\n", f"\n{END}\n", f"{BEGIN}\n{BEGIN}\n{END}\n{END}\n"])
def test_mark_without_counterpart_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"a\.md"):
        adapt("a.md", text)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", True),
        ("README.pt-BR.md", False),
        ("tools/operate/plan/command.py", True),
        ("tools/develop/new/command.py", False),
        ("lab/README.md", False),
        ("slices/receipts/tests/event/unit/test_csv.py", False),
        ("tools/develop/pictures.py", False),
        ("tools/tests/page/test_view.py", False),
        ("tests/unit/test_handler.py", True),
        ("ponto/enabled_slices.py", True),
        ("slices/receipts/commands.py", True),
        ("slices/imports/commands.py", False),
    ],
)
def test_copy_has_files_that_are_not_only_for_the_origin(path: str, expected: bool) -> None:
    assert is_copied(path, ["receipts"]) == expected


def test_copy_with_tests_of_tools_has_none_of_the_generator() -> None:
    paths = ["tools/tests/unit/test_dlq.py", "loadtest/tests/unit/test_ledger.py", "tools/tests/new/test_sql.py"]
    assert [is_copied(path, [], with_tests=True) for path in paths] == [True, True, False]


def test_slices_are_kept_in_the_order_of_the_origin() -> None:
    assert select_slices(["extra", "other", "imports"], SLICES) == ["imports", "other", "extra"]


@pytest.mark.parametrize("name", ["nothing", "clocks", "watches"])
def test_slice_that_cannot_be_kept_is_refused(name: str) -> None:
    with pytest.raises(
        CommandError, match=f"there is no slice `{name}`, or it is about punches. Use extra, imports, other."
    ):
        select_slices(["imports", name], SLICES)
