"""Subjects for tests and the load test."""

import pytest

from ponto.shared.fields import Kind, enumeration, integer, text
from tools.kit.values import nth_subject, random_subject

EMAIL = "[a-z0-9._-]{1,64}@[a-z0-9-]{1,63}[.][a-z]{2,10}"


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (integer(1, 10**6, ""), 300),
        (text(10, "[A-Z]{2,3}-?[0-9]{3}", ""), 300),
        (text(100, EMAIL, ""), 300),
        (text(5, r"[7-9][ -~]?\.[-/]", ""), 3 * 62),
        (enumeration(("north", "south"), ""), 2),
    ],
    ids=["integer", "code", "e-mail", "few values", "enumeration"],
)
def test_subjects_of_different_numbers_are_valid_and_different(kind: Kind, count: int) -> None:
    subjects = [nth_subject(kind, number) for number in range(1, 301)]

    assert [kind.parse(subject) for subject in subjects] == subjects
    assert len(set(subjects)) == count


def test_random_subjects_have_the_form_of_the_kind() -> None:
    assert random_subject(text(9, r"[a-b]{2}\.[0-3]", "")) == "${__RandomString(2,ab)}.${__RandomString(1,0123)}"
    assert random_subject(enumeration(("north", "south"), "")) == "north"
    assert random_subject(integer(1, 10**16, "")) == "${__Random(1000000000000000,9999999999999999)}"
