"""How small the deployed part is: a sentence for each README, with lines that are counted."""

from tools.kit import slices
from tools.kit.project import ROOT

_PARTS = {
    "python": ["handler.py", "ponto/**/*.py"],
    "sql": ["ponto/**/*.sql", "slices/*/schema/**/*.sql"],
    "resources": [
        "serverless.yml",
        "resources/*.yml",
        "resources/*.js",
        "resources/*.json",
        "slices/*/*.yml",
        "slices/*/*.js",
    ],
}
_ENGLISH = (
    "The deployed part is small: about {python} lines of Python, {sql} of SQL, and {resources} that declare the AWS "
    "resources (`make docs` counts them)."
)
_PORTUGUESE = (
    "O que é implantado é pouco: cerca de {python} linhas de Python, {sql} de SQL, e {resources} que declaram os "
    "recursos da AWS (`make docs` as conta)."
)


def english() -> str:
    """Give the sentence, its lines to the nearest hundred: few changes of the code are one of the README."""
    return _ENGLISH.format(**_counted())


def portuguese() -> str:
    """Give the same in Portuguese."""
    return _PORTUGUESE.format(**{part: lines.replace(",", ".") for part, lines in _counted().items()})


def _counted() -> dict[str, str]:
    of_slices = {
        part: [
            f"slices/{each.name}/{file}"
            for each in slices.installed()
            for file in each.says.get("deployed", [])
            if file.endswith(suffix)
        ]
        for part, suffix in (("python", ".py"), ("sql", ".sql"))
    }
    return {
        part: f"{round(sum(map(_lines, [*patterns, *of_slices.get(part, [])])), -2):,}"
        for part, patterns in _PARTS.items()
    }


def _lines(pattern: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in ROOT.glob(pattern))
