"""`ponto trace` of corrected punches, and of corrections."""

from tests.database import execute
from tools.tests.postgres.test_trace import DAY, ID, ID_AT_NIGHT, Stage
from tools.tests.postgres.test_trace import dev as dev


def test_trace_prints_corrections_of_a_day_and_recognises_their_ids(dev: Stage, migrated_url: str) -> None:
    disregarding, adding, undone = (f"c0000000-0000-8000-8000-00000000000{last}" for last in range(3))
    execute(
        migrated_url,
        """
        insert into correcao (id, usuario_id, tipo, ponto, alvo, motivo) values
            (%s, 7, 'desconsideracao', null, %s, 'twice'),
            (%s, 7, 'inclusao', '2026-11-24T20:00Z', null, 'forgotten'),
            (%s, 7, 'desconsideracao', null, %s, 'wrong'),
            ('c0000000-0000-8000-8000-000000000009', 7, 'inclusao', '2026-11-26T20:00Z', null, 'another day')
        """,
        *(disregarding, ID, adding, undone, ID_AT_NIGHT),
    )
    execute(
        migrated_url,
        "insert into correcao (usuario_id, tipo, alvo, motivo) values (7, 'anulacao', %s, 'it was')",
        undone,
    )

    shown = dev.run(*DAY)
    assert shown.status == 0
    assert f"row {ID}: disregarded by correction {disregarding}\n" in shown.out
    assert f"row {ID_AT_NIGHT}\n" in shown.out
    assert shown.out.count("added punch") == 1
    assert f"added punch at 2026-11-24 17:00 local time, by correction {adding}\n" in shown.out
    assert shown.out.count("not known: ") == 1
    found = dev.run(*DAY, "--json").json
    assert found["additions"] == [{"id": adding, "local": "2026-11-24T17:00"}]
    assert [row["disregardedBy"] for row in found["rows"]] == [disregarding, None]

    by_id = dev.run(adding)
    assert (by_id.status, by_id.out) == (
        1,
        f"{adding} is the id of a correction (inclusao of employee 7): see ponto correct list\n",
    )
    assert dev.run(adding, "--json").json["correction"] == "inclusao of employee 7"
