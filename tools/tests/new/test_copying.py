"""Files that a copy gets, what is marked as only for the reference, slices, and dead links."""

import pytest

from tools.kit.errors import CommandError
from tools.new.copying import adapt, is_copied, select_slices

SLICES = {
    "slices/enabled.txt": "# a comment\nimports\nclocks\nother\nextra\n",
    "slices/imports/commands.py": "",
    "slices/clocks/commands.py": "",
    "slices/other/commands.py": "",
    "slices/extra/commands.py": "",
    "slices/extra/aws.yml": "needs: [other]\nhttp: !Ref x\n",
}


@pytest.mark.parametrize(
    ("path", "text", "adapted"),
    [
        (
            "a.md",
            "a\n\n<!-- only in the reference: begin -->\nb\n\n<!-- only in the reference: end -->\n\nc\n",
            "a\n\nc\n",
        ),
        ("a.py", "a\n    # only in the reference: begin\nb\n    # only in the reference: end\nc\n", "a\nc\n"),
        ("a.js", "// only in the reference: begin\nb\n// only in the reference: end\nc\n", "c\n"),
        ("a.sql", "-- only in the reference: begin\nb\n-- only in the reference: end\nc\n", "c\n"),
        ("a.css", "/* only in the reference: begin */\nb\n/* only in the reference: end */\nc\n", "c\n"),
        ("a.md", "| a | <!-- only in the reference -->\n| b |\n", "| b |\n"),
        ("a.yml", "  - a # only in the reference\n  - b\n", "  - b\n"),
        ("a.toml", "  # only in a copy: 'a', # why\n  'b'\n", "  'a', # why\n  'b'\n"),
        ("a.md", "a\n\n\nb, only in the reference\n", "a\n\n\nb, only in the reference\n"),
    ],
)
def test_marked_text_is_left_out(path: str, text: str, adapted: str) -> None:
    assert adapt(path, text) == adapted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# only in the reference: begin\n", "a.py:1: .* does not end"),
        ("\n# only in the reference: end\n", "a.py:2: .* does not begin"),
        ("# only in the reference: begin\n# only in the reference: begin\n", "a.py:2: .* contains another"),
    ],
)
def test_wrong_mark_is_reported_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        adapt("a.py", text)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", True),
        ("README.pt-BR.md", False),
        ("tools/plan/command.py", True),
        ("tools/new/command.py", False),
        ("lab/README.md", False),
        ("tools/develop/pictures.py", False),
        ("tools/tests/page/test_view.py", False),
        ("tests/unit/test_handler.py", True),
        ("ponto/enabled_slices.py", True),
        ("slices/receipts/commands.py", True),
        ("slices/imports/commands.py", False),
    ],
)
def test_copy_has_files_that_are_not_only_for_the_reference(path: str, expected: bool) -> None:
    assert is_copied(path, ["receipts"]) == expected


def test_copy_with_tests_of_tools_has_none_of_the_generator() -> None:
    paths = ["tools/tests/unit/test_dlq.py", "loadtest/tests/unit/test_ledger.py", "tools/tests/new/test_sql.py"]
    assert [is_copied(path, [], with_tests=True) for path in paths] == [True, True, False]


def test_slices_are_kept_in_the_order_of_the_reference() -> None:
    assert select_slices(["extra", "other", "imports"], SLICES) == ["imports", "other", "extra"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nothing"], "there is no slice `nothing`. Use one of extra, imports, other."),
        (["clocks"], "`clocks` cannot be kept, as .*time clocks. Remove it"),
        (["extra"], "`extra` needs `other`. Add it, or remove `extra`."),
    ],
)
def test_slice_that_cannot_be_kept_is_refused_with_the_reason(names: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        select_slices(names, SLICES)
