"""lab/mutants/trial.py finds what a test sees, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.mutants import trial

CODE = """\
LIMIT = 3


def count(words):
    number = 0
    while words:
        words = words[1:]
        number += 1
    return min(number, LIMIT)


def label(number):
    return f"{number} words"
"""
TESTS = """\
from ponto.code import count, label


def test_counts():
    assert count("ab") == 2


def test_stops_counting():
    assert count("abcd") == 3


def test_labels():
    label(2)
"""
MUTANTS = {  # what stands in the place of what, and the test that finds it
    ("number = 0", "number = 1"): "test_counts",
    ("LIMIT = 3", "LIMIT = 4"): "test_stops_counting",
    ("LIMIT = 3", "LIMIT = 3 / 0"): "tests/unit/test_code.py",
    ("words[1:]", "words[0:]"): trial.HUNG,
    ("} words", "} punches"): None,
}


def test_a_mutant_is_found_by_a_test_that_reaches_it_or_lives(tmp_path: Path) -> None:
    project, kept = tmp_path / "project", tmp_path / "kept"
    files = {"ponto/__init__.py": "", "ponto/code.py": CODE, "tests/unit/test_code.py": TESTS, "pytest.ini": "[pytest]"}
    for file, text in files.items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(text)
    kept.mkdir()
    environment = os.environ | {
        "MUTANTS": str(kept),
        "PYTHONPATH": f"{Path(trial.__file__).parent}{os.pathsep}{project}",
    }

    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], cwd=project, env=environment, check=True, capture_output=True)

    run(*f"-m coverage run --source=ponto --data-file={kept}/coverage -m pytest -p recorder -n0 tests".split())
    chosen = []
    for old, new in MUTANTS:
        line = CODE[: CODE.index(old)].count("\n") + 1
        chosen.append({"file": "ponto/code.py", "place": new, "numbers": [line], "code": CODE.replace(old, new, 1)})
    (kept / "chosen.json").write_text(json.dumps(chosen))
    run("-c", "import trial; trial.PATIENCE_S = 5.0; trial.main()")

    outcomes = [json.loads(line) for line in (kept / "outcomes.jsonl").read_text().splitlines()]
    assert {place: by and by.rpartition("::")[2] for _, place, by in outcomes} == {
        new: by for (_, new), by in MUTANTS.items()
    }
    assert (project / "ponto" / "code.py").read_text() == CODE
