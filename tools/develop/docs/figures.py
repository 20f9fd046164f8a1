"""Figures within the documents' own texts and pictures that follow from the code."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ponto import __version__
from tools.develop.docs import bills
from tools.kit import parameters
from tools.kit.project import ROOT
from tools.plan import costs


def readme(batches: str, at_once: str, dev: str, prod: str, trials: str, text: str) -> str:
    """Put the size of batches, how many there are at once, months' costs and the version behind their words."""
    for bill, words in ((bills.idle("dev"), dev), (bills.idle("prod"), prod), (bills.trials("dev"), trials)):
        text = _replaced(text, rf"({_spaced(words)}\s+)\d+", str(round(costs.total(bill))))
    text = _replaced(text, r"(Vers(?:ion|ão)\s+)\d[\w.-]+", __version__)
    stage = parameters.defaults()
    text = _replaced(text, rf'(-- "{batches} )\d+', stage["batchSize"])
    return _replaced(text, rf"(<br>{at_once} )\d+", stage["reservedConcurrency"])


def deploy(text: str) -> str:
    """Put in months' costs, and count the metrics beside an idle month."""
    for bill, words in ((bills.idle("dev"), "that pauses, ["), (bills.trials("dev"), "an idle month, [")):
        text = _replaced(text, rf"({_spaced(re.escape(words))})\d+", str(round(costs.total(bill))))
    return _replaced(text, r"(of\s+the\s+gateway\s+\()\d+(?= at 0\.30\))", str(costs.METRICS + costs.GATEWAY_METRICS))


DOCUMENTS: dict[Path, Callable[[str], str]] = {
    ROOT / "docs" / "deploy.md": deploy,
    ROOT / "README.md": partial(
        readme, "batches of", "at most", "of `dev` costs about", "of `prod`", "every working day, about"
    ),
    ROOT / "README.pt-BR.md": partial(
        readme, "lotes de", "no máximo", "de `dev` custa cerca de", "de `prod`", "todo dia útil, cerca de"
    ),
}


def _spaced(words: str) -> str:
    """Return a pattern of words that also matches them across a line break."""
    return re.sub(r"(\\)? ", r"\\s+", words)


def _replaced(text: str, pattern: str, figure: str) -> str:
    written, count = re.subn(pattern, lambda found: f"{found[1]}{figure}", text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{pattern!r} is in the document {count} times, not once")
    return written
