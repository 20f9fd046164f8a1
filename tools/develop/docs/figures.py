"""Numbers in the documents' sentences and diagrams that are computed from the code."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ponto import __version__  # only in the reference
from tools.develop.docs import bills
from tools.kit import parameters
from tools.kit.project import ROOT
from tools.plan import costs

# only in the reference: begin
_DEPLOYED_PATTERNS = (  # files whose lines the READMEs count
    ("handler.py", "ponto/**/*.py"),
    ("ponto/**/*.sql",),
    ("serverless.yml", "resources/*.yml", "resources/*.js", "resources/*.json"),
)
# only in the reference: end


def fill(path: Path, text: str) -> str:
    """Return a document with its computed numbers.

    Raises:
        ValueError: the words before a number do not occur exactly once in the document.
    """
    for words, figure in _figures().get(path.relative_to(ROOT).as_posix(), {}).items():
        pattern = re.escape(words).replace("\\ ", r"\s+")  # the words may be on two lines
        text, count = re.subn(rf"({pattern})\d[\w.,-]*\b", rf"\g<1>{figure}", text)
        if count != 1:
            raise ValueError(f"{path.name} has a number after {words!r} {count} times, not once")
    return text


@cache
def _figures() -> Mapping[str, Mapping[str, str | int]]:
    """Return the numbers of each document, by the words before them."""
    dev, prod = (round(costs.total(bills.idle(stage))) for stage in ("dev", "prod"))
    trials = round(costs.total(bills.trials("dev")))
    million = bills.million()
    stage = parameters.defaults()
    batch, concurrency = stage["batchSize"], stage["reservedConcurrency"]
    figures: dict[str, dict[str, str | int]] = {
        "docs/deploy.md": {
            "that pauses, [": dev,
            "an idle month, [": trials,
            "the gateway's metrics (": costs.METRICS + costs.GATEWAY_METRICS,
            "in full batches, add ": f"{costs.total(million):.2f}",
            "API Gateway takes ": f"{million[0].dollars or 0:.2f}",
        },
        "README.md": {
            "of `dev` costs about ": dev,
            "of `prod` ": prod,
            "every working day, about ": trials,
            '-- "batches of ': batch,
            "<br>at most ": concurrency,
        },
    }
    # only in the reference: begin
    # Rounded to hundreds, so that few changes of the code change the README.
    python, sql, resources = (f"{round(sum(map(_count_lines, patterns)), -2):,}" for patterns in _DEPLOYED_PATTERNS)
    figures["README.md"] |= {
        "Version ": __version__,
        "is small: about ": python,
        "lines of Python, ": sql,
        "of SQL, and ": resources,
    }
    figures |= {
        "README.pt-BR.md": {
            "de `dev` custa cerca de ": dev,
            "de `prod` ": prod,
            "todo dia útil, cerca de ": trials,
            "Versão ": __version__,
            '-- "lotes de ': batch,
            "<br>no máximo ": concurrency,
            "é pequena: cerca de ": python.replace(",", "."),
            "linhas de Python, ": sql,
            "de SQL e ": resources.replace(",", "."),
        },
    }
    # only in the reference: end
    return figures


# only in the reference: begin
def _count_lines(pattern: str) -> int:
    return sum(path.read_bytes().count(b"\n") for path in ROOT.glob(pattern))


# only in the reference: end
