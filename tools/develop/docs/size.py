"""How small the reference is: a sentence for each README, with lines that are counted. Slices are not in it."""

from tools.kit.project import ROOT

_PARTS = {
    "python": ["handler.py", "ponto/**/*.py"],
    "sql": ["ponto/**/*.sql"],
    "resources": [
        "serverless.yml",
        "resources/*.yml",
        "resources/*.js",
        "resources/*.json",
    ],
}
_ENGLISH = (
    "The reference is small: about {python} deployed lines of Python, {sql} of SQL, and {resources} that declare the "
    "AWS resources (`make docs` counts them). Everything else is in slices, each a folder "
    "that a line of `slices/enabled.txt` turns on."
)
_PORTUGUESE = (
    "A parte implantada é pequena: cerca de {python} linhas de Python, {sql} de SQL e {resources} que declaram os "
    "recursos da AWS (`make docs` as conta). O resto está em slices: cada um é uma "
    "pasta, ativada por uma linha de `slices/enabled.txt`."
)


def english() -> str:
    """Give the sentence, its lines to the nearest hundred: few changes of the code are one of the README."""
    return _ENGLISH.format(**_counted())


def portuguese() -> str:
    """Give the same in Portuguese."""
    return _PORTUGUESE.format(**{part: lines.replace(",", ".") for part, lines in _counted().items()})


def _counted() -> dict[str, str]:
    return {part: f"{round(sum(map(_lines, patterns)), -2):,}" for part, patterns in _PARTS.items()}


def _lines(pattern: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in ROOT.glob(pattern))
