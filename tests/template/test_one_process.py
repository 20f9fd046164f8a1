"""One process of osls for all tests: what a run prints arrives whole."""

from contextlib import closing
from pathlib import Path

from tests.template.compiled import OneProcess


def test_more_than_a_pipe_holds_arrives(tmp_path: Path) -> None:
    program = tmp_path / "sls"
    program.write_text("console.log('x'.repeat(1_000_000)); process.exitCode = 3")
    with closing(OneProcess(program)) as one:
        assert one.run(tmp_path, [], {}) == (3, "x" * 1_000_000 + "\n")
        assert one.run(tmp_path, [], {})[0] == 3
