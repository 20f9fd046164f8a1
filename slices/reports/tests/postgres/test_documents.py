"""The statements in the slice's documents on a real database."""

from tests.database import execute
from tests.documents import erasure_statement
from tools.kit.project import ROOT

PAGE = ROOT / "slices" / "reports" / "README.md"


def test_only_the_given_employees_name_is_erased(migrated_url: str) -> None:
    execute(migrated_url, "insert into funcionario (usuario_id, nome) values (123, 'a'), (124, 'b')")

    execute(migrated_url, erasure_statement(PAGE, "funcionario"))

    assert execute(migrated_url, "select usuario_id from funcionario") == [(124,)]
