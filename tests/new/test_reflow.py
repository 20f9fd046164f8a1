"""Wrapping of prose that a renaming has made too long."""

import pytest

from tools.new.reflow import reflow

WORDS = " ".join(["word"] * 30)  # 149 characters


def width(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_last_words_of_a_line_move_to_the_next_line_of_the_paragraph() -> None:
    text = f"A {WORDS} end.\nNext line.\n\nOther."

    assert reflow("a.md", text) == f"A {WORDS[:-5]}\nword end. Next line.\n\nOther."


def test_words_without_a_next_line_get_a_line_of_their_own() -> None:
    assert reflow("a.md", f"- {WORDS} end.\n- b\n") == f"- {WORDS[:-5]}\n  word end.\n- b\n"


@pytest.mark.parametrize(
    "line", [f"| {WORDS} | x |", f"# {WORDS} heading", f"```text\n{WORDS} code\n```", f"<!-- {WORDS} -->"]
)
def test_tables_headings_code_and_comments_of_markdown_are_not_wrapped(line: str) -> None:
    assert reflow("a.md", f"Text.\n\n{line}\n") == f"Text.\n\n{line}\n"


def test_comments_and_docstrings_of_python_are_wrapped_but_code_is_not() -> None:
    text = (
        f'"""Text {WORDS}."""\n\n# Comment {WORDS}\n# goes on.\n\n\ndef f(x: str) -> None:\n    """Do.\n\n    Args:\n'
        f'        x: {WORDS}\n    """\n    raise ValueError("{WORDS}")\n'
    )

    result = reflow("a.py", text)

    assert [line.strip()[:6] for line in result.splitlines() if len(line) > 120] == ["raise "]
    assert "\n# word word" in result
    assert " goes on.\n" in result
    assert "\n            word word" in result  # the second line of an argument is indented more
    compile(result, "a.py", "exec")


@pytest.mark.parametrize("path", ["a.py", "a.md"])
def test_short_lines_are_not_joined(path: str) -> None:
    assert reflow(path, "# a\n# b\n") == "# a\n# b\n"


def test_other_files_are_not_changed() -> None:
    assert reflow("a.json", WORDS * 2) == WORDS * 2
