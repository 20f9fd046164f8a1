"""The README's commands create a user pool that meets its requirements."""

from collections.abc import Iterator

from tests.documents import blocks, split_commands
from tools.kit.project import ROOT


def readme_commands() -> Iterator[str]:
    for block in blocks(ROOT / "slices" / "sign_in" / "README.md"):
        yield from split_commands(block.text)


def test_client_reads_the_employees_number_and_cannot_write_it() -> None:
    command = next(c for c in readme_commands() if " create-user-pool-client " in c)
    options = {name: values.split() for name, _, values in (part.partition(" ") for part in command.split(" --")[1:])}

    assert "custom:usuarioId" in options["read-attributes"]
    assert options["write-attributes"]
    assert "custom:usuarioId" not in options["write-attributes"]
