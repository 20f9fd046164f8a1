"""List the mutants of cosmic-ray's session, with their code: python listed.py SESSION FILE.

Run in the folder with the code. cosmic-ray lives in an environment of its own, where no other package is.
"""

import ast
import json
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]
from cosmic_ray.plugins import get_operator  # type: ignore[import-not-found]
from cosmic_ray.work_db import WorkDB, use_db  # type: ignore[import-not-found]


def listed(session: str) -> Iterator[dict[str, Any]]:
    """Give what `trial.py` and `make mutants` need of each mutant that no filter left out."""
    with use_db(session, WorkDB.Mode.open) as database:
        for item in database.pending_work_items:
            (change,) = item.mutations
            source = Path(change.module_path).read_text(encoding="utf-8")
            try:
                code = mutate_code(
                    source, get_operator(change.operator_name)(**change.operator_args), change.occurrence
                )
            except AttributeError:  # cosmic-ray's: it stumbles over a form of code that it does not know
                continue
            if code and code != source and _is_python(code):
                yield {
                    "place": f"{change.operator_name} {change.occurrence}",
                    "file": str(change.module_path),
                    "function": change.definition_name or "",
                    **_difference(source.splitlines(), code.splitlines()),
                    "code": code,
                }


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:  # of `*` and `/` among parameters it makes an operator
        return False
    return True


def _difference(before: list[str], after: list[str]) -> dict[str, Any]:
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    line, changed = (lines[start : len(lines) - end] for lines in (before, after))
    return {
        "line": " ".join(map(str.strip, line)),
        "changed": " ".join(map(str.strip, changed)),
        "numbers": list(range(start + 1, start + 1 + max(1, len(line)))),
    }


def _alike(one: list[str], other: list[str]) -> int:
    """Count the lines that both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


if __name__ == "__main__":
    in_order = sorted(listed(sys.argv[1]), key=lambda each: (each["file"], each["numbers"], each["place"]))
    Path(sys.argv[2]).write_text(json.dumps(in_order))
