"""What corrections know of rows that `ponto trace` found: which do not count, and times that were added."""

from collections.abc import Sequence

from tools.kit.reader import Reader
from tools.kit.traced import Asked, Notes, Row, RowNote


def notes(source: Reader, asked: Asked, rows: Sequence[Row]) -> Notes:
    """Give by which corrections rows do not count, what was added to the day, and whether the id is a correction's."""
    of_rows = {"ids": [row.id for row in rows]}
    kind, additions = "", []
    if asked.id:
        disregarded, of_id = map(list, source.read(disregarded=of_rows, correction={"id": asked.id}))
        kind = "".join(f"{kind} of employee {employee}" for employee, kind in of_id)
    else:
        of_month = {"mes": asked.day, "usuarios": [asked.employee], "momento": None}
        disregarded, corrections = map(list, source.read(disregarded=of_rows, corrections=of_month))
        additions = [
            (id_, local) for _, id_, what, day, local, *_ in corrections if what == "inclusao" and day == asked.day
        ]
    against: dict[str, str] = dict(disregarded)
    return Notes(
        rows={
            row.id: RowNote(
                {"disregardedBy": against.get(row.id)},
                head=f": disregarded by correction {against[row.id]}" if row.id in against else "",
            )
            for row in rows
        },
        fields={
            "additions": [{"id": id_, "local": f"{local:%Y-%m-%dT%H:%M}"} for id_, local in additions],
            "correction": kind or None,
        },
        lines=[
            *(f"added time {local:%Y-%m-%d %H:%M} local, by correction {id_}" for id_, local in additions),
            *([f"{asked.id} is a correction's id ({kind}): ponto correct list"] if kind else []),
        ],
        has_id=bool(kind),
    )
