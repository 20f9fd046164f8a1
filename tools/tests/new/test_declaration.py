"""Checks of the file that declares an event."""

import re

import pytest

from ponto.shared.event import Event
from tools.develop.new import declaration, patterns
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

ORDER = (ROOT / "examples" / "orders" / "order.py").read_text()

TEXT = 'display_text(64, "Name that the shop gives to the order.", min_length=1)'

MISTAKES: dict[str, tuple[str, str, str]] = {
    # The file
    "syntax": ("EVENT = Event(", "EVENT = = Event(", "order.py, line 22: SyntaxError: invalid syntax. Correct"),
    "no event": ("EVENT =", "ORDER =", "order.py declares no `EVENT`"),
    # Types
    "row": ("row=Order", "row=int", "row: not a NamedTuple"),
    "noun": ('("order", "orders")', '"order"', "noun: not two texts"),
    "same without comma": ('("loja", "pedido", "criado", "total")', '("loja")', "same: not a tuple of texts"),
    # Columns
    "id is not first": ("    id: ", "    ident: ", "id: not the first column"),
    "id has a default": ('client.")]\n', 'client.")] = None\n', "TypeError: Non-default namedtuple field loja"),
    "name in capitals": ("pedido: ", "Pedido: ", "Pedido: not a name of at most 63 letters from a to z"),
    "reserved word of SQL": ("canal: ", "order: ", "order: a reserved word of SQL"),
    "attribute of tuple": ("canal: ", "count: ", "count: an attribute of Python's tuples"),
    "column of the message": ("canal: ", "chave: ", "chave: a name that the project uses for the message"),
    "annotations as text": (
        '"""Declaration',
        "from __future__ import annotations\n'''x'''\n\"\"\"",
        "id: its type is a text",
    ),
    "no kind": ("criado: Annotated[datetime, ", "criado: datetime\n    x: Annotated[datetime, ", "criado: has no kind"),
    "type of another kind": (
        "total: Annotated[Decimal",
        "total: Annotated[float",
        "total: the type does not fit the kind",
    ),
    "no default": ('ordered.")] = None', 'ordered.")]', "canal: may be None, but has no default. Add `= None`"),
    "default": ('ordered.")] = None', "ordered.\")] = 'app'", "canal: has a default other than None"),
    "no offset column": ('instant="criado"', 'instant="criado", offset="fuso"', "offset: fuso is no column"),
    "offset with kind": ('instant="criado"', 'instant="criado", offset="canal"', "canal: not declared as the offset"),
    # Kinds
    "same name in JSON": (
        "    canal: ",
        "    x_1: Annotated[str, text(1, 'x', 'x')]\n    x1: Annotated[str, text(1, 'x', 'x')]\n    canal: ",
        "x1: has the name x1 in JSON, as x_1 has",
    ),
    "no description": ('"Total in reais."', '" "', "total: has no description of one line"),
    "values without comma": ('("site", "app", "loja")', '("site")', "TypeError: an enumeration has a tuple of values"),
    "value twice": ('("site", ', '("app", ', "canal: has no values, or one of them twice"),
    "no length": ("display_text(64, ", "display_text(0, ", "pedido: its lengths are not in the range"),
    "pattern": (TEXT, r"text(64, r'\d+', 'x')", r"pedido: the pattern has '\\d+' at position 1"),
    "slow pattern": (TEXT, "text(64, 'a?' * 22, 'x')", "pedido: a client could send a text that takes too many"),
    # Names
    "noun is keyword": ('("order", ', '("return", ', "noun: 'return' is a word of Python"),
    "noun is module": ('("order", ', '("drain", ', "noun: the project has a file 'drain'"),
    "Portuguese noun": ('plural_pt="pedidos"', 'plural_pt="Pedidos"', "plural_pt: 'Pedidos' is not one to three words"),
    "equal nouns": ('("shop", "shops")', '("shop", "shop")', "subject_noun: 'shop' is used twice"),
    "class is not the noun": ('("order", ', '("purchase", ', "row: the class is called Order. Call it Purchase"),
    "service is module of Python": ('"shop-orders"', '"calendar"', "service: calendar is a word or a module"),
    "service is package": ('"shop-orders"', '"bo-to3"', "service: boto3 is a word or a module"),
    "path": ('"/orders"', '"orders"', "path: 'orders' is no `/`"),
    "path of health checks": ('"/orders"', '"/ping"', "path: API Gateway answers health checks at /ping"),
    "table of the project": ('table="pedidos"', 'table="falha"', "table: the project has a table 'falha'"),
    "table is reserved": ('table="pedidos"', 'table="user"', "table: 'user' is a reserved word of SQL"),
    # Roles of columns
    "kind of id": ("Annotated[str, uuid(", "Annotated[str, display_text(64, ", "id: not a UUID without default"),
    "subject": ('subject="loja"', 'subject="pedido"', "subject: pedido is no required integer(1, MAX_SAFE_INTEGER"),
    "subject with quotation marks": ("[A-Z]{2,3}-[0-9]{6}", "[ -~]{1,9}", 'subject: loja may contain `"`'),
    "reserved subject": ("ZZZ-999999", "zzz", "reserved_subject: 'zzz' is no value of loja: must be a string"),
    "instant": ('instant="criado"', 'instant="pedido"', "instant: pedido is no required timestamp"),
    "device": ('subject="loja"', 'subject="loja", device="total"', "device: total is no text"),
    "optional column is same": ('"criado", "total")', '"criado", "canal")', "same: canal is optional. Remove it"),
    "subject is not same": ('same=("loja", ', "same=(", "same: lacks loja. Add it"),
    "id of instant": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja", "criado")',
        "derived_id: criado is no column",
    ),
    "id of column that is not same": (
        'same=("loja", "pedido", ',
        'same=("loja", ',
        "derived_id: pedido is not in same. Add it to same",
    ),
    "id of decimal": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja", "total")',
        "derived_id: total is a decimal",
    ),
    "free text is not last": (
        'derived_id=("loja", "pedido")',
        'derived_id=("pedido", "loja")',
        "derived_id: the text pedido may contain `|`, which joins the columns. Name it last",
    ),
    # Examples
    "equal examples": (
        '"A-18", "criado": "2026-11-24T08:01:00-03:00", "total": "7.00", "canal": "app"',
        '"A-17", "criado": "2026-11-24T11:00Z", "total": "12.5"',
        "examples: two bodies are the same event",
    ),
    "invalid example": (
        '"A-17", "criado": "2026-11-24T08:00:00-03:00"',
        '"A-17"',
        "examples: body 1 is not valid: criado: required",
    ),
    "bodies that do not conflict": ('"13.50"', '"12.5"', "conflicting: the bodies share loja, pedido, criado, total"),
}


def load(text: str) -> Event:
    return declaration.load(text, "order.py")


@pytest.mark.parametrize("path", ["examples/orders/order.py", "ponto/punch.py", "tests/measurement.py"])
def test_declaration_without_mistakes_is_loaded(path: str) -> None:
    event = load((ROOT / path).read_text())

    assert event.row.__name__ == event.noun[0].capitalize()


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_named_with_its_field_and_remedy(old: str, new: str, message: str) -> None:
    assert old in ORDER

    with pytest.raises(CommandError) as caught:
        load(ORDER.replace(old, new))

    assert message in str(caught.value)
    assert all(re.match(r"EVENT: .*\. ?[A-Z]", line) for line in str(caught.value).splitlines()), str(caught.value)


def test_table_of_40_characters_and_text_key_with_pattern_are_accepted() -> None:
    text = ORDER.replace('table="pedidos"', f'table="{"a" * 40}"').replace(
        'derived_id=("loja", "pedido")', 'derived_id=("pedido", "loja")'
    )
    text = text.replace(TEXT, 'text(8, "[A-Z]-[0-9]{1,6}", "Number.")')

    assert load(text).derived_id == ("pedido", "loja")


def test_mistakes_of_all_kinds_are_named_at_once() -> None:
    text = ORDER.replace('"/orders"', '"orders"').replace("total: Annotated[Decimal", "total: Annotated[float")
    text = text.replace('same=("loja", ', "same=(").replace('"total": "13.50"', '"total": "x"')

    with pytest.raises(CommandError) as caught:
        load(text)

    fields = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert fields == ["total", "path", "same", "derived_id", "conflicting"]


@pytest.mark.parametrize(
    ("pattern", "mistake"),
    [
        (r"[A-Z]{2}-[0-9]{1,9}x?\(\.[ -~][\[\]\\-]", None),
        *((pattern, "has ") for pattern in (r"\d", "(a)", "a|b", "a+", "a{2,}", "a{2}{3}", "[^a]", "[a&&b]", "é")),
        ("a{256}", "repeats more than 255 times"),
        *((pattern, "is not valid: ") for pattern in ("[z-a]", "a{3,2}")),
    ],
)
def test_pattern_that_engines_read_differently_is_refused(pattern: str, mistake: str | None) -> None:
    found = patterns.find_mistake(pattern)

    assert found is None if mistake is None else (found or "").startswith(mistake)


def test_pattern_that_could_take_millions_of_steps_is_slow() -> None:
    assert patterns.is_slow("a{0,255}" * 3)
    assert patterns.is_slow("a?" * 22)
    assert not patterns.is_slow("[a-z0-9._-]{1,64}@[a-z0-9-]{1,63}[.][a-z]{2,10}")


@pytest.mark.parametrize(("pattern", "is_possible"), [("[A-Z]{2}", False), (r"a\|b", True), ("[ -~]", True)])
def test_pattern_that_can_match_a_separator_is_found(pattern: str, is_possible: bool) -> None:
    assert patterns.can_match(pattern, "|") == is_possible
