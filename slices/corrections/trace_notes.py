"""Notes of `ponto trace` about corrections: disregarded rows, and added punches."""

from collections.abc import Sequence

from ponto.read.punch_statements import PunchRow
from slices.corrections.statements import CORRECTION, DISREGARDED
from slices.reports.statements import CORRECTIONS, ArrivalRow
from tools.kit.reader import Reader
from tools.kit.trace_notes import Notes, RowNote, TraceNotes, TraceRequest


def read_notes(source: Reader, request: TraceRequest, rows: Sequence[PunchRow]) -> Notes:
    """Return notes about disregarded rows, punches added to the day, and whether the traced id is a correction's."""
    disregarded_query = DISREGARDED.bind(ids=[row.id for row in rows])
    correction = ""
    additions: list[ArrivalRow] = []
    if request.id:
        disregarded, corrections = source.read(disregarded_query, CORRECTION.bind(id=request.id))
        correction = "".join(f"{each.tipo} of employee {each.usuario_id}" for each in corrections)
    else:
        month_query = CORRECTIONS.bind(mes=request.day, employee_ids=[request.employee_id], momento=None)
        disregarded, arrivals = source.read(disregarded_query, month_query)
        additions = [each for each in arrivals if each.tipo == "inclusao" and each.dia == request.day]
    disregarded_by = {each.alvo: each.id for each in disregarded}
    return Notes(
        rows={
            row.id: RowNote(
                {"disregardedBy": disregarded_by.get(row.id)},
                suffix=f": disregarded by correction {disregarded_by[row.id]}" if row.id in disregarded_by else "",
            )
            for row in rows
        },
        fields={
            "additions": [{"id": each.id, "local": f"{each.local:%Y-%m-%dT%H:%M}"} for each in additions],
            "correction": correction or None,
        },
        lines=[
            *(f"added punch at {each.local:%Y-%m-%d %H:%M} local time, by correction {each.id}" for each in additions),
            *([f"{request.id} is the id of a correction ({correction}): see ponto correct list"] if correction else []),
        ],
        has_id=bool(correction),
    )


NOTES = TraceNotes(read_notes)
