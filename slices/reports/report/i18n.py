"""The two languages of the reports: their words (`i18n.toml`), and numbers and dates as each writes them."""

import datetime as dt
import tomllib
from functools import cache, partial
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

LANGUAGES = ("en", "pt")

_WORDS = tomllib.loads((Path(__file__).parent / "i18n.toml").read_text(encoding="utf-8"))
_LOCALES = {"en": "en_US", "pt": "pt_BR"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))  # the same in both languages


class Language:
    """Words, numbers and dates of one of `LANGUAGES`."""

    def __init__(self, name: str) -> None:
        """Load the language of this name."""
        self.name = name
        self.tag = _LOCALES[name].replace("_", "-")  # as HTML has it
        self._locale = Locale.parse(_LOCALES[name])
        # Babel takes 20 us for what comes again and again.
        self._weekdays = [format_date(dt.date(2024, 1, 1 + day), "ccc", self._locale).rstrip(".") for day in range(7)]
        self._date = cache(partial(format_date, format=self.word("pattern", "date"), locale=self._locale))
        self._number = cache(partial(format_decimal, locale=self._locale))

    def word(self, section: str, name: str, *values: object) -> str:
        """Return a word or a sentence, its gaps filled."""
        text: str = _WORDS[section][name][self.name]
        return text.format(*values) if values else text

    def sentences(self, section: str, **values: str) -> list[str]:
        """Return all of a section, their gaps filled by name."""
        return [texts[self.name].format(**values) for texts in _WORDS[section].values()]

    def column(self, name: str) -> str:
        """Return the label of a column of the database."""
        return self.word("column", name)

    def field(self, name: str) -> str:
        """Return the label of any column of the database; one that no report shows has its own name only."""
        return self.column(name) if name in _WORDS["column"] else name

    def number(self, value: float) -> str:
        """Format a number."""
        return self._number(value)

    def date(self, day: dt.date) -> str:
        """Format a date."""
        return self._date(day)

    def month(self, day: dt.date) -> str:
        """Format the month of a date."""
        return format_date(day, self.word("pattern", "month"), self._locale)

    def date_time(self, local: dt.datetime) -> str:
        """Format a date and its time of day, to the minute; no zone."""
        return f"{self.date(local.date())}, {_time(local)}"

    def period(self, first: dt.date, last: dt.date) -> str:
        """Format the days of a report."""
        return self.word("report", "period", self.date(first), self.date(last))

    def generated(self, now: dt.datetime) -> str:
        """Format when a report was generated; `now` is in the stage's zone."""
        offset = f"{now:%z}"
        return self.word("report", "generated", self.date_time(now), f"{now.tzinfo} (UTC{offset[:3]}:{offset[3:]})")

    def weekday(self, day: dt.date) -> str:
        """Return the short name of a day of the week."""
        return self._weekdays[day.weekday()]

    def span(self, span: dt.timedelta) -> str:
        """Format a length of time in its two largest units, rounded down; below 10 s with a decimal."""
        seconds = abs(span.total_seconds())
        sign = "\N{MINUS SIGN}" if span < dt.timedelta(0) else ""
        if seconds < 10:
            return f"{sign}{self.number(round(seconds, 1))} s"
        for index, (size, unit) in enumerate(_UNITS):
            if seconds >= size:
                count, rest = divmod(int(seconds), size)
                smaller, small_unit = _UNITS[min(index + 1, len(_UNITS) - 1)]
                more = f" {rest // smaller} {small_unit}" if rest // smaller else ""
                return f"{sign}{self.number(count)} {unit}{more}"
        raise AssertionError("10 s and more have a unit")


def format_minutes(minutes: int) -> str:
    """Format worked minutes as hours and minutes, H:MM; hours go on above 24. A difference may be below zero."""
    hours, rest = divmod(abs(minutes), 60)
    sign = "\N{MINUS SIGN}" if minutes < 0 else ""
    return f"{sign}{hours}:{rest:02}"


def at(local: dt.datetime, day: dt.date) -> str:
    """Format a time of a working day, HH:MM; +1 where it is after midnight."""
    return _time(local) + ("+1" if local.date() > day else "")


def _time(local: dt.datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"  # strftime takes five times as long


def mask_cpf(cpf: str) -> str:
    """Format a CPF for a screen that others see, without its first three and last two digits."""
    return f"***.{cpf[3:6]}.{cpf[6:9]}-**"


def format_cpf(cpf: str) -> str:
    """Format a CPF as on documents."""
    return f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
