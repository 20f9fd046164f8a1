"""`ponto/sql/store.sql` takes a row by position: the order of the declaration."""

import re

from ponto.punch import Punch
from tools.kit.project import ROOT

SQL = (ROOT / "ponto" / "sql" / "store.sql").read_text(encoding="utf-8")


def test_the_columns_are_those_of_a_punch_and_then_those_of_its_message_in_their_order() -> None:
    found = re.search(r"insert into batida \((.*?)\)", SQL, re.DOTALL)
    assert found
    assert re.findall(r"\w+", found[1]) == [*Punch._fields, "recebida_em", "mensagem_id", "chave"]


def test_each_place_of_the_row_is_taken_once_in_order() -> None:
    assert [int(place) for place in re.findall(r"entry ->> (\d+)", SQL)] == list(range(len(Punch._fields) + 3))
