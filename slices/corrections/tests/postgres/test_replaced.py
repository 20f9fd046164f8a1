"""The view of the reports that corrections replace: with the slice, without it, and enabled again."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import takewhile
from pathlib import Path

import pytest

from ponto.schema.migrations import MigrationResult, migrate
from slices.corrections.tests.correcting import CorrectionsDatabase
from tests.database import SCHEMA, TIME_ZONE

CORRECTED = ["2026-11-03 08:00 12:00 13:00 17:00 = 480, 0"]
AS_PUNCHED = ["2026-11-03 08:00 12:00 13:00 = 240, 0 incomplete"]
EARLIER = dict(takewhile(lambda entry: entry[0] != "corrections", SCHEMA.items()))
WITH_CORRECTIONS = EARLIER | {"corrections": SCHEMA["corrections"]}  # without later slices, which may need it
REPLACED = "views/04_punches_that_count.sql"


class Stage(CorrectionsDatabase):
    """A database with a time card whose hours a correction changed."""

    def run(self, schema: Mapping[str, Path]) -> MigrationResult:
        return migrate(self.owner, TIME_ZONE, schema)


@pytest.fixture
def stage(migrated_url: str) -> Iterator[Stage]:
    with closing(Stage(migrated_url)) as stage:
        stage.run(WITH_CORRECTIONS)
        stage.punch(1, "2026-11-03 08:00 12:00 13:00")
        stage.correct(1, "inclusao", at="2026-11-03 17:00", written="2026-11-04 09:00")
        assert stage.time_card(1, "2026-11") == CORRECTED
        yield stage
        stage.run(SCHEMA)  # all roles of the server can log in again


def test_disabled_slice_leaves_time_cards_of_punches_and_enabled_again_corrects_them(stage: Stage) -> None:
    rows = stage.read("correcao", "id, motivo")

    result = stage.run(EARLIER)

    assert result.notices[0].startswith("slices/corrections was removed")
    assert result.notices[-1] == "revoked: select on table ponto.correcao from ponto_reader"
    assert stage.time_card(1, "2026-11") == AS_PUNCHED
    assert stage.read("correcoes('2026-11-01', '2026-11-30')") == []
    assert stage.read("correcao", "id, motivo") == rows

    again = stage.run(WITH_CORRECTIONS)

    assert not any("slices/corrections" in notice for notice in again.notices)
    assert {name.partition("/")[0] for name in again.applied} == {"corrections"}
    assert stage.execute("select from migracao_repetivel where nome = %s", f"reports/{REPLACED}") == []
    assert stage.time_card(1, "2026-11") == CORRECTED
