"""`ponto requests review`: shows one waiting request after the other, and asks for the decision."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from slices.reports.report.i18n import Language, format_minutes, format_time
from slices.requests.decisions import IdRange, Requests, UndecidedError
from slices.requests.statements import DAYS_BESIDE, REQUESTS, DayRow, RequestRow
from tools.kit import reader
from tools.kit.clock import Clock
from tools.kit.errors import CommandError
from tools.kit.output import ask, print_error, print_result
from tools.kit.target import TargetOptions

_HINT = "use `ponto requests accept` and `refuse`"
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "empty": "no requests wait",
        "title": "{} of {}: employee {}, {}",
        "inclusao": "asks to add {}: {}",
        "desconsideracao": "asks to disregard {}: {}",
        "erased": "an erased punch",
        "unknown": "name not known",
        "unsigned": "not signed in: the author is not known",
        "question": "[a]ccept, [r]efuse, [s]kip, [q]uit?",
        "keys": "arsq",
        "reason": "Reason, which the employee reads:",
        "accepted": "accepted",
        "refused": "refused",
        "skipped": "skipped",
        "result": "{} accepted, {} refused, {} left waiting",
    },
    "pt": {
        "empty": "nenhum pedido aguarda",
        "title": "{} de {}: matrícula {}, {}",
        "inclusao": "pede para incluir {}: {}",
        "desconsideracao": "pede para desconsiderar {}: {}",
        "erased": "uma batida apagada",
        "unknown": "nome desconhecido",
        "unsigned": "sem login: o autor não é conhecido",
        "question": "[a]ceitar, [r]ecusar, [p]ular, [s]air?",
        "keys": "arps",
        "reason": "Motivo, que o funcionário lê:",
        "accepted": "aceito",
        "refused": "recusado",
        "skipped": "pulado",
        "result": "{} aceitos, {} recusados, {} continuam aguardando",
    },
}


def review(target_options: TargetOptions, language: Language, clock: Clock) -> None:
    """Show the waiting requests one after the other, and decide each as the user answers.

    Raises:
        CommandError: standard input is not a terminal, or the requests could not be read.
    """
    texts = _TEXTS[language.name]
    requests = Requests(target_options, clock)
    ids = IdRange()
    query = REQUESTS.bind(first_id=ids.first, last_id=ids.last, mes=None, waiting=True)
    (waiting,) = reader.create_reader(target_options).read(query)
    rows = list(waiting)
    if not rows:
        print_result(texts["empty"])
        return
    outcomes: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        name = row.nome or texts["unknown"]
        days = _read_days(target_options, row)
        print_result(
            "", texts["title"].format(number, len(rows), row.usuario_id, name), *_describe(row, days, language)
        )
        outcome = _decide(requests, row, texts)
        if outcome is None:
            break
        outcomes[outcome] += 1
    accepted, refused = outcomes["accepted"], outcomes["refused"]
    print_result("", texts["result"].format(accepted, refused, len(rows) - accepted - refused - outcomes["decided"]))


def _decide(requests: Requests, row: RequestRow, texts: Mapping[str, str]) -> str | None:
    """Ask for a decision until there is one. Returns its name, `decided` if others decided; None to quit."""
    accept, refuse, skip, leave = list(texts["keys"])
    while True:
        answer = ask(texts["question"], _HINT).lower()[:1]
        if answer == leave:
            return None
        outcome = {accept: "accepted", refuse: "refused", skip: "skipped"}.get(answer)
        try:
            if outcome == "accepted":
                requests.accept(requests.find(IdRange(row.id)))  # read again, because others decide at the same time
            elif outcome == "refused":
                requests.refuse(row, ask(texts["reason"], _HINT))
        except UndecidedError as error:
            print_error(f"ponto: {row.id}: {error}")
            return "decided"
        except CommandError as error:
            print_error(f"ponto: {error}")
        else:
            if outcome:
                print_result(texts[outcome])
                return outcome


def _read_days(target_options: TargetOptions, row: RequestRow) -> Mapping[date, DayRow]:
    if row.dia is None:
        return {}
    query = DAYS_BESIDE.bind(employee_id=row.usuario_id, dia=row.dia)
    (days,) = reader.create_reader(target_options).read(query)
    return {day.dia: day for day in days}


def _describe(row: RequestRow, days: Mapping[date, DayRow], language: Language) -> Sequence[str]:
    """Return the lines of a request: what it asks for, and the working days beside the punch with their hours."""
    texts = _TEXTS[language.name]
    when = texts["erased"]
    lines = []
    if row.local and row.dia:
        when = f"{language.weekday(row.local.date())} {language.date_time(row.local)}"
        for day in (row.dia + timedelta(days=offset) for offset in (-1, 0, 1)):
            before = days.get(day) or DayRow(day, [], [], 0)
            times = [format_time(local, day) for local in before.locais]
            hours = format_minutes(before.minutos)
            if day == row.dia:
                sign = "-" if row.batida_id else "+"
                times.append(f"{sign}{format_time(row.local, day)}")
                hours += f" -> {format_minutes(_minutes_after(row, before.pontos))}"
            lines.append(f"  {language.weekday(day)} {language.date(day)}  {' '.join(times) or '-'}  {hours}")
    author = [] if row.autenticada else [f"  {texts['unsigned']}"]
    return [f"  {texts[row.tipo].format(when, row.motivo)}", *author, *lines]


def _minutes_after(row: RequestRow, instants: Sequence[datetime]) -> int:
    """Return the minutes of the punches of a day after the request is accepted, by the pairs of `ponto.jornadas`."""
    minute = row.ponto and row.ponto.replace(second=0, microsecond=0)
    punches = list(instants)
    if minute and not row.batida_id:
        punches = sorted([*punches, minute])
    elif minute in punches:
        punches.remove(minute)
    pairs = zip(punches[::2], punches[1::2], strict=False)
    return sum((out - entry) // timedelta(minutes=1) for entry, out in pairs)
