"""Numbers in the documents' sentences and diagrams that are computed from the code."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tools.develop.docs import (
    bills,
    readmes,  # only in the reference
)
from tools.kit import parameters
from tools.kit.project import ROOT
from tools.plan import costs


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
    readmes.add_figures(figures)  # only in the reference
    return figures
