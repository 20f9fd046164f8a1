"""Numbers that only the READMEs of this project have."""

from ponto import __version__
from tools.kit.project import ROOT

_DEPLOYED_PATTERNS = (  # files whose lines the READMEs count
    ("handler.py", "ponto/**/*.py"),
    ("ponto/**/*.sql",),
    ("serverless.yml", "resources/*.yml", "resources/*.js", "resources/*.json"),
)


def add_figures(figures: dict[str, dict[str, str | int]]) -> None:
    """Add the numbers of both READMEs to those of each document, by the words before them."""
    # Rounded to hundreds, so that few changes of the code change the README.
    python, sql, resources = (f"{round(sum(map(_count_lines, patterns)), -2):,}" for patterns in _DEPLOYED_PATTERNS)
    english = figures["README.md"]
    english |= {
        "Version ": __version__,
        "is small: about ": python,
        "lines of Python, ": sql,
        "of SQL, and ": resources,
    }
    figures["README.pt-BR.md"] = {
        "de `dev` custa cerca de ": english["of `dev` costs about "],
        "de `prod` ": english["of `prod` "],
        "todo dia útil, cerca de ": english["every working day, about "],
        "Versão ": __version__,
        '-- "lotes de ': english['-- "batches of '],
        "<br>no máximo ": english["<br>at most "],
        "é pequena: cerca de ": python.replace(",", "."),
        "linhas de Python, ": sql,
        "de SQL e ": resources.replace(",", "."),
    }


def _count_lines(pattern: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in ROOT.glob(pattern))
