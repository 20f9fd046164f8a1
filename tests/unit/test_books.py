"""The equation of the books: what has no end that is known is the difference, whatever else happens."""

from hypothesis import given
from hypothesis import strategies as st

from tools.balance.books import Books

A_FEW = st.integers(0, 50)
ENDS = ("rows", "duplicates", "dead_lettered", "exhausted", "waiting", "lost")


@given(
    before=st.fixed_dictionaries(dict.fromkeys(ENDS, A_FEW)),  # of what waited at the begin, by what became of it
    accepted=st.fixed_dictionaries(dict.fromkeys(ENDS, A_FEW)),  # of what was sent in the span
    redriven=A_FEW,  # dead letters of before: sent again, stored
    letters=A_FEW,  # of before that stay
    purged=A_FEW,  # of before
    again=A_FEW,  # dead-lettered by a process that was killed before it said so
)
def test_what_is_lost_or_purged_is_what_the_two_queues_lack_together(
    before: dict[str, int], accepted: dict[str, int], redriven: int, letters: int, purged: int, again: int
) -> None:
    ended = {name: before[name] + accepted[name] for name in ENDS}
    sent = sum(accepted.values())

    books = Books(
        accepted=sent,
        redriven=redriven,
        sent=sent + redriven,
        waiting_before=sum(before.values()),
        waiting_after=ended["waiting"],
        rows=ended["rows"] + redriven,
        duplicates=ended["duplicates"],
        dead_lettered=ended["dead_lettered"],
        letters_before=letters + redriven + purged,
        letters_after=letters + ended["dead_lettered"] + again + ended["exhausted"],
        letters_sent=ended["dead_lettered"] + again,
        letters_deleted=redriven,
    )

    assert books.difference + books.gone == ended["lost"] + purged
    assert books.balance == (ended["lost"] + purged == 0)
    assert books.others == 0
    if not purged:
        assert (books.exhausted, books.gone) == (ended["exhausted"], 0)
        assert books.difference == ended["lost"]


NOTHING = Books(*[0] * len(Books._fields))


def test_a_message_with_two_ends_does_not_balance() -> None:
    assert NOTHING._replace(accepted=1, sent=1, rows=1).balance
    assert NOTHING._replace(accepted=1, sent=1, rows=2).difference == -1
    assert not NOTHING._replace(accepted=1, sent=1, rows=2).balance


def test_what_was_accepted_and_not_sent_does_not_balance() -> None:
    books = NOTHING._replace(accepted=3, sent=2, rows=2)

    assert (books.difference, books.others, books.balance) == (0, -1, False)
