"""Names of the origin and of a copy, the renaming of texts and paths, and names that a renaming would merge."""

import io
import re
import shlex
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ponto.shared.event import Subject
from tools.develop.docs.examples import sql_literal

MAX_SERVICE_LENGTH = 30
"""Maximum number of characters of a service's name."""
_MAX_FUNCTION_ID_LENGTH = 24
"""Lambda's names SERVICE-STAGE-FUNCTION have at most 64 characters: stages of up to 8 letters fit, as `staging`."""

SQL_RESERVED = frozenset(Path(__file__).with_name("reserved_words.txt").read_text(encoding="utf-8").split())
"""Reserved words of PostgreSQL 18, which a statement may not use as a name without quotation marks."""

_SQL_SKIPPED = r"--.*|/\*[\s\S]*?\*/|'(?:[^']|'')*'"
_JAVASCRIPT_SKIPPED = r"//.*|/\*[\s\S]*?\*/|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_WORD = r"[A-Za-z_$][\w$]*"


class Names(NamedTuple):
    """The names of a project that follow from the declaration of its event."""

    service: str  # parcel-scans
    package: str  # parcelscans: the Python package, the command, the SQL schema and the prefix of its roles
    path: str  # /scans
    table: str
    noun: tuple[str, str]  # singular and plural
    subject_noun: tuple[str, str]
    subject_column: str
    subject_field: str  # of the JSON body
    plural_pt: str  # of the noun, in Portuguese
    example: Subject  # a subject in documents

    @property
    def function_id(self) -> str:
        """Name of the function that stores events: `parcelScans`; shortened, if the service's name is long."""
        first, *others = self.service.split("-")
        return (first + "".join(map(str.capitalize, others)))[:_MAX_FUNCTION_ID_LENGTH]


ORIGIN = Names(
    "batida-ponto",
    "ponto",
    "/ponto",
    "batida",
    ("punch", "punches"),
    ("employee", "employees"),
    "usuario_id",
    "usuarioId",
    "batidas",
    123,
)
PROJECT = "batida-ponto-serverless"


class Renaming:
    """Replacement of the origin's names in texts and paths."""

    def __init__(self, new: Names) -> None:
        self.new = new
        self._words = dict(_pairs(ORIGIN, new))
        inner = "|".join(_pattern(word) for word in sorted(self._words, key=len, reverse=True))
        self._matches_word = re.compile(inner)
        # `/ponto` as the path of a request, as in `/ponto/{id}`: not a folder, and not the user of an ARN.
        path = rf"(?<![/.])(?<!-ID){re.escape(ORIGIN.path)}(?![\w-]|\.\w|/(?![{{(A-Z\d]))"
        self._words[ORIGIN.path] = new.path
        # An article before a noun, perhaps at the end of a line, of a comment too: `a punch`, `an `employee_id``.
        article = r"(?:(?<![\w'.-])(?P<article>[Aa]n?)(?P<gap>\s+(?:(?:#|//|--|\*)\s+)?[\"'`*_\[(]*))?"
        self._matches_text = re.compile(rf"{article}(?P<word>{path}|{inner})")

    def rename(self, text: str) -> str:
        """Return a text with the new names, and with the articles that they need."""
        return self._matches_text.sub(self._replace, text)

    def rename_name(self, name: str) -> str:
        """Return an identifier, or a file's path, with the new names."""
        return self._matches_word.sub(lambda match: self._words[match[0]], name)

    def _replace(self, match: re.Match[str]) -> str:
        word = self._words[match["word"]]
        if not match["article"]:
            return word
        article = match["article"][0] + ("n" if _takes_an(word) else "")
        return f"{article}{match['gap']}{word}"


def _pairs(old: Names, new: Names) -> Iterator[tuple[str, str]]:
    """Yield the words to replace, each in the cases in which it is written."""
    yield PROJECT, new.service
    yield old.service, new.service
    yield old.function_id, new.function_id
    yield _upper_first(old.function_id), _upper_first(new.function_id)
    yield f"{old.package}db", f"{new.package}db"
    yield f"PathPart: {old.path[1:]}", f"PathPart: {new.path[1:]}"
    yield old.subject_column, new.subject_column
    yield old.subject_field, new.subject_field
    yield f"--{old.subject_noun[0]} {old.example}", f"--{new.subject_noun[0]} {shlex.quote(str(new.example))}"
    yield f"{old.subject_column} = {old.example}", f"{new.subject_column} = {sql_literal(new.example)}"
    yield old.plural_pt, new.plural_pt
    yield f'"{old.plural_pt}"', f'"{new.noun[1]}"'  # key of a list
    yield "punched", "instant"  # key of the instant in --json
    for old_word, new_word in (
        (old.package, new.package),
        (old.table, new.table),
        *zip(old.noun, new.noun, strict=True),
        *zip(old.subject_noun, new.subject_noun, strict=True),
    ):
        for change in (str.lower, str.capitalize, str.upper):
            yield change(old_word), change(new_word)


def _pattern(word: str) -> str:
    """Return a pattern of a word that is a part of an identifier at most: `punch` in `add_punch`, not in `punched`."""
    if word.isupper():
        return rf"(?<![A-Za-z]){word}(?![A-Za-z])"
    if word[0].isupper():
        return rf"{word}(?![a-z])"
    # In `\bpunch` and `\npunch` the letter before the word belongs to the escape.
    return rf"(?:(?<![A-Za-z])|(?<=\\[bnrt])){re.escape(word)}(?![a-z])"


def _upper_first(word: str) -> str:
    return word[0].upper() + word[1:]


def _takes_an(word: str) -> bool:
    """Return whether the article of a word is `an`; decided by its first letters."""
    word = word.lower()
    if re.match(r"eu|ew|one|once|uni(?!n|m)|us(?=[aeu])|ut[ei]|u[bkr][aeiou]", word):  # as in euro, unit, user, utility
        return False
    return re.match(r"[aeiou]|hour|hon(?=[eo])|heir", word) is not None


def find_taken_names(texts: Mapping[str, str], renaming: Renaming) -> list[str]:
    """Return the new names that are also another name of their file.

    Args:
        texts: the origin's files by path; those that the copy gets otherwise left out.
        renaming: the renaming.
    """
    taken = {path for path, count in Counter(map(renaming.rename_name, texts)).items() if count > 1}
    for path, text in texts.items():
        names = _identifiers(path, text)
        counts = Counter(map(renaming.rename_name, names))
        taken |= {new for name in names if (new := renaming.rename_name(name)) != name and counts[new] > 1}
    return sorted(taken)


def _identifiers(path: str, text: str) -> set[str]:
    """Return the identifiers of a Python, SQL or JavaScript file."""
    match PurePosixPath(path).suffix:
        case ".py":
            # A module's path in `from ponto.drain.store import Store` is no name of the file.
            code = re.sub(r"^( *)from [\w.]+ import", r"\1from . import", text, flags=re.MULTILINE)
            tokens = tokenize.generate_tokens(io.StringIO(code).readline)
            return {token.string for token in tokens if token.type == tokenize.NAME}
        case ".sql":
            code = re.sub(_SQL_SKIPPED, " ", text)
            code = re.sub(r"\bschema \w+|\b\w+\.", " ", code.lower())  # a schema may have the name of its table
            return {*re.findall(_WORD, code)}
        case ".js" | ".mjs":
            return {*re.findall(_WORD, re.sub(_JAVASCRIPT_SKIPPED, " ", text))}
    return set()
