"""Checks of the file that declares an event."""

import re

import pytest

from ponto.event import Event
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.new import declaration, patterns

ORDER = (ROOT / "examples" / "orders" / "order.py").read_text()

TEXT = 'display_text(64, "Name that the shop gives to the order.", min_length=1)'

MISTAKES: dict[str, tuple[str, str, str]] = {
    # The file
    "syntax": ("EVENT = Event(", "EVENT = = Event(", "order.py, line 22: SyntaxError: invalid syntax. Correct"),
    "unknown module": ("from decimal", "from decimals", "order.py, line 4: ModuleNotFoundError: No module named"),
    "missing argument": ('path="/orders",', "", "order.py, line 22: TypeError: "),
    "invalid regex": (TEXT, "text(64, 'a)', 'x')", "order.py, line 16: error: "),
    "exit": ("EVENT =", "exit(3)\nEVENT =", "SystemExit: 3"),
    "no event": ("EVENT =", "ORDER =", "order.py declares no `EVENT`"),
    # Types
    "row": ("row=Order", "row=int", "row: not a NamedTuple"),
    "noun": ('("order", "orders")', '"order"', "noun: not two texts"),
    "subject noun": ('("shop", "shops")', '("shop",)', "subject_noun: not two texts"),
    "path is no text": ('path="/orders"', "path=1", "path: not a text"),
    "device is no text": ('subject="loja"', 'subject="loja", device=1', "device: neither a text nor None"),
    "Portuguese noun is no text": ('plural_pt="pedidos"', "plural_pt=1", "plural_pt: neither a text"),
    "same without comma": ('("loja", "pedido", "criado", "total")', '("loja")', "same: not a tuple of texts"),
    "same is empty": ('("loja", "pedido", "criado", "total")', "()", "same: not a tuple of texts"),
    "derived_id without comma": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja")',
        "derived_id: neither None nor",
    ),
    "examples are no tuple": ("examples=(", "examples=5 or (", "examples: not at least two bodies"),
    "conflicting is no tuple": ("conflicting=(", "conflicting=5 or (", "conflicting: not two bodies"),
    "one example": ("examples=(", "examples=() and (", "examples: not at least two bodies"),
    # Columns
    "id is not first": ("    id: ", "    ident: ", "id: not the first column"),
    "id has a default": ('client.")]\n', 'client.")] = None\n', "TypeError: Non-default namedtuple field loja"),
    "name in capitals": ("pedido: ", "Pedido: ", "Pedido: not a name of at most 63 letters from a to z"),
    "reserved word of SQL": ("canal: ", "order: ", "order: a reserved word of SQL"),
    "reserved word of joins": ("canal: ", "left: ", "left: a reserved word of SQL"),
    "keyword of Python": ("canal: ", "nonlocal_: ", "nonlocal_: not a name"),
    "attribute of tuple": ("canal: ", "count: ", "count: an attribute of Python's tuples"),
    "column of the message": ("canal: ", "chave: ", "chave: a name that the project uses for the message"),
    "system column": ("canal: ", "ctid: ", "ctid: a system column of PostgreSQL"),
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
    "type without None": ("canal: Annotated[str | None", "canal: Annotated[str", "canal: the type does not fit"),
    "no default": ('ordered.")] = None', 'ordered.")]', "canal: may be None, but has no default. Add `= None`"),
    "default": ('ordered.")] = None', "ordered.\")] = 'app'", "canal: has a default other than None"),
    "no offset column": ('instant="criado"', 'instant="criado", offset="fuso"', "offset: fuso is no column"),
    "offset with kind": ('instant="criado"', 'instant="criado", offset="canal"', "canal: not declared as the offset"),
    # Kinds
    "same name in JSON": (
        "    canal: ",
        "    x_1: Annotated[int, integer(1, 2, 'x')]\n    x1: Annotated[int, integer(1, 2, 'x')]\n    canal: ",
        "x1: has the name x1 in JSON, as x_1 has",
    ),
    "no description": ('"Total in reais."', '" "', "total: has no description of one line"),
    "description of two lines": ('"Total in reais."', '"Total\\nin reais."', "total: has no description of one line"),
    "variable in description": ('"Total in reais."', '"In ${reais}."', "total: its description has `${`"),
    "limits": (
        "Annotated[Decimal, decimal(10, 2,",
        "Annotated[int, integer(2, 1,",
        "total: 2 to 1 is no range of integers",
    ),
    "large limit": ("Annotated[Decimal, decimal(10, 2,", "Annotated[int, integer(0, 2**53,", "total: exceeds MAX_SAFE"),
    "no digits": ("decimal(10, 2,", "decimal(0, 2,", "order.py, line 18: ValueError: a decimal has"),
    "no places": ("decimal(10, 2,", "decimal(10, 0,", "order.py, line 18: ValueError: a decimal has"),
    "many digits": ("decimal(10, 2,", "decimal(27, 2,", "order.py, line 18: ValueError: a decimal has"),
    "values without comma": ('("site", "app", "loja")', '("site")', "TypeError: an enumeration has a tuple of values"),
    "empty value": ('("site", ', '("", ', "canal: the value '' is no text of 1 to 64 characters"),
    "value of two lines": ('("site", ', '("a\\nb", ', r"canal: the value 'a\nb' is no text"),
    "variable in value": ('("site", ', '("${x}", ', "canal: the value '${x}' has `${`"),
    "value twice": ('("site", ', '("app", ', "canal: has no values, or one of them twice"),
    "no length": ("display_text(64, ", "display_text(0, ", "pedido: its lengths are not in the range"),
    "great length": ("display_text(64, ", "display_text(10_001, ", "pedido: its lengths are not in the range"),
    "length is text": (TEXT, "text('a', '64', 'x')", "pedido: its lengths are not in the range"),
    "pattern": (TEXT, r"text(64, r'\d+', 'x')", r"pedido: the pattern has '\\d+' at position 1"),
    "slow pattern": (TEXT, "text(64, 'a?' * 22, 'x')", "pedido: a client could send a text that takes too many"),
    # Names
    "noun of two words": ('("order", ', '("shop-order", ', "noun: 'shop-order' is not one word"),
    "short noun": ('("order", ', '("po", ', "noun: 'po' is not one word of 3 to 30 letters"),
    "noun is keyword": ('("order", ', '("return", ', "noun: 'return' is a keyword of Python"),
    "noun is module": ('("order", ', '("message", ', "noun: ponto/message exists"),
    "noun is a statement": ('"orders"),', '"zone"),', "noun: ponto/reader/sql/zone.sql exists"),
    "Portuguese noun": ('plural_pt="pedidos"', 'plural_pt="Pedidos"', "plural_pt: 'Pedidos' is not one to three words"),
    "long Portuguese noun": ('plural_pt="pedidos"', 'plural_pt="a b c d"', "plural_pt: 'a b c d' is not one to three"),
    "equal nouns": ('("shop", "shops")', '("shop", "shop")', "subject_noun: 'shop' is used twice"),
    "class is not the noun": ('("order", ', '("purchase", ', "row: the class is called Order. Call it Purchase"),
    "service in capitals": ('"shop-orders"', '"shopOrders"', "service: 'shopOrders' is no name of 3 to 30 letters"),
    "short service": ('"shop-orders"', '"so"', "service: 'so' is no name"),
    "long service": ('"shop-orders"', f'"{"a" * 31}"', "service: 'aaa"),
    "long service with hyphens": ('"shop-orders"', f'"a{"-b" * 15}"', "service: 'a-b-"),
    "service is a function": ('"shop-orders"', '"receipt"', "service: the project has a function receipt"),
    "service is module of Python": ('"shop-orders"', '"calendar"', "service: the package calendar would hide a word"),
    "service is package": ('"shop-orders"', '"bo-to3"', "service: the package boto3 would hide an installed one"),
    "service is folder": ('"shop-orders"', '"load-test"', "service: the package loadtest would replace a folder"),
    "service is schema": ('"shop-orders"', '"public"', "service: the schema public would need"),
    "service is reserved": ('"shop-orders"', '"offset"', "service: the schema offset would need"),
    "path": ('"/orders"', '"orders"', "path: 'orders' is no `/`"),
    "path of two segments": ('"/orders"', '"/v1/orders"', "path: '/v1/orders' is no `/`"),
    "path of health checks": ('"/orders"', '"/ping"', "path: API Gateway answers health checks at /ping"),
    "table": ('table="pedidos"', f'table="{"a" * 41}"', "table: 'aaa"),
    "table of the project": ('table="pedidos"', 'table="falha"', "table: the project has a table 'falha'"),
    "table is reserved": ('table="pedidos"', 'table="user"', "table: 'user' is a reserved word of SQL"),
    # Roles of columns
    "kind of id": ("Annotated[str, uuid(", "Annotated[str, display_text(64, ", "id: not a UUID without default"),
    "subject": ('subject="loja"', 'subject="pedido"', "subject: pedido is no required integer(1, MAX_SAFE_INTEGER"),
    "limits of the subject": ("integer(1, MAX_SAFE_INTEGER,", "integer(1, 10,", "subject: loja is no required integer"),
    "subject in receipts": ("loja", "situacao", "situacao: the name of another field of receipts"),
    "instant": ('instant="criado"', 'instant="pedido"', "instant: pedido is no required timestamp"),
    "device": ('subject="loja"', 'subject="loja", device="total"', "device: total is no text"),
    "unknown column is same": ('"criado", "total")', '"criado", "totals")', "same: totals is no column to compare"),
    "optional column is same": ('"criado", "total")', '"criado", "canal")', "same: canal is optional. Remove it"),
    "subject is not same": ('same=("loja", ', "same=(", "same: lacks loja. Add it"),
    "instant is not same": ('"criado", "total")', '"total")', "same: lacks criado. Add it"),
    "column twice": ('"criado", "total")', '"criado", "total", "total")', "same: names a column twice"),
    "id without subject": ('derived_id=("loja", "pedido")', 'derived_id=("pedido",)', "derived_id: lacks loja. Add it"),
    "id of instant": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja", "criado")',
        "derived_id: criado is no column",
    ),
    "id of optional column": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja", "canal")',
        "derived_id: canal is optional",
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
    "id of column twice": (
        'derived_id=("loja", "pedido")',
        'derived_id=("loja", "loja")',
        "derived_id: names a column twice",
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
    "invalid conflicting body": (
        '"total": "13.50"',
        '"total": 13.5',
        "conflicting: body 2 is not valid: total: must be",
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
        load(ORDER.replace(old, new).replace("import MAX", "import text, MAX"))

    assert message in str(caught.value)
    assert all(re.match(r"EVENT: .*\. ?[A-Z]", line) for line in str(caught.value).splitlines()), str(caught.value)


def test_table_of_40_characters_and_text_key_with_pattern_are_accepted() -> None:
    text = ORDER.replace('table="pedidos"', f'table="{"a" * 40}"').replace(
        'derived_id=("loja", "pedido")', 'derived_id=("pedido", "loja")'
    )
    text = text.replace("import MAX", "import text, MAX").replace(TEXT, 'text(8, "[A-Z]-[0-9]{1,6}", "Number.")')

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
        *(
            (pattern, "has ")
            for pattern in (".", "^a", "a$", r"\d", "(a)", "a|b", "a*", "a+", "a{2,}", "a{2}{3}", "{2}")
        ),
        *((pattern, "has ") for pattern in ("[^a]", "[]", "[a&&b]", "[[a]", "[a-c-e]", "é", "a\n")),
        ("a{256}", "repeats more than 255 times"),
        *((pattern, "is not valid: ") for pattern in ("[z-a]", "a{3,2}", "[a||b]", "[a~~b]")),
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
