"""Languages of the reports: their texts (`i18n.toml`), and the formats of numbers, dates and durations."""

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
    """Texts and formats of one of `LANGUAGES`."""

    def __init__(self, name: str) -> None:
        """Load a language by its name."""
        self.name = name
        self.tag = _LOCALES[name].replace("_", "-")  # BCP 47, for HTML
        self._locale = Locale.parse(_LOCALES[name])
        # Cached, because Babel takes 20 microseconds for each value.
        self._weekdays = [format_date(dt.date(2024, 1, 1 + day), "ccc", self._locale).rstrip(".") for day in range(7)]
        self._date = cache(partial(format_date, format=self.word("pattern", "date"), locale=self._locale))
        self._number = cache(partial(format_decimal, locale=self._locale))

    def word(self, section: str, name: str, *values: object) -> str:
        """Return a text with its placeholders filled in order."""
        text: str = _WORDS[section][name][self.name]
        return text.format(*values) if values else text

    def sentences(self, section: str, **values: str) -> list[str]:
        """Return all texts of a section with their placeholders filled by name."""
        return [texts[self.name].format(**values) for texts in _WORDS[section].values()]

    def column(self, name: str) -> str:
        """Return the label of a column of the database."""
        return self.word("column", name)

    def field(self, name: str) -> str:
        """Return the label of a column of the database, or its name if it has no label."""
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
        """Format a local date and time to the minute, without the time zone."""
        return f"{self.date(local.date())}, {_format_clock_time(local)}"

    def period(self, first: dt.date, last: dt.date) -> str:
        """Format the first and the last day of a report."""
        return self.word("report", "period", self.date(first), self.date(last))

    def format_generated(self, now: dt.datetime) -> str:
        """Format the time at which a report was generated; `now` is in the stage's time zone."""
        offset = f"{now:%z}"
        return self.word("report", "generated", self.date_time(now), f"{now.tzinfo} (UTC{offset[:3]}:{offset[3:]})")

    def weekday(self, day: dt.date) -> str:
        """Return the abbreviated weekday of a date."""
        return self._weekdays[day.weekday()]

    def span(self, span: dt.timedelta) -> str:
        """Format a duration in its two largest units, rounded down; below 10 s with one decimal place."""
        seconds = abs(span.total_seconds())
        sign = "\N{MINUS SIGN}" if span < dt.timedelta(0) else ""
        if seconds < 10:
            return f"{sign}{self.number(round(seconds, 1))} s"
        for index, (size, unit) in enumerate(_UNITS):
            if seconds >= size:
                count, remainder = divmod(int(seconds), size)
                smaller, small_unit = _UNITS[min(index + 1, len(_UNITS) - 1)]
                second_part = f" {remainder // smaller} {small_unit}" if remainder // smaller else ""
                return f"{sign}{self.number(count)} {unit}{second_part}"
        raise AssertionError("unreachable: a duration of at least 10 s has a unit")


def format_minutes(minutes: int) -> str:
    """Format minutes as H:MM; the hours may exceed 24, and the value may be negative."""
    hours, remainder = divmod(abs(minutes), 60)
    sign = "\N{MINUS SIGN}" if minutes < 0 else ""
    return f"{sign}{hours}:{remainder:02}"


def format_time(local: dt.datetime, day: dt.date) -> str:
    """Format a local time of a working day as HH:MM, with +1 if it is on the next calendar day."""
    return _format_clock_time(local) + ("+1" if local.date() > day else "")


def _format_clock_time(local: dt.datetime) -> str:
    return f"{local.hour:02}:{local.minute:02}"  # strftime takes five times as long


def mask_cpf(cpf: str) -> str:
    """Format a CPF without its first three and last two digits, for a screen that others may see."""
    return f"***.{cpf[3:6]}.{cpf[6:9]}-**"


def format_cpf(cpf: str) -> str:
    """Format the 11 digits of a CPF with punctuation."""
    return f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
