"""A working day, made short: four-peaks.csv as the schedule of JMeter's Open Model Thread Group."""

import csv
from itertools import pairwise
from pathlib import Path

_CSV = Path(__file__).with_name("four-peaks.csv")  # its columns: time (HH:MM) and percent_of_peak
_PAUSE = 3  # s at the end: JMeter interrupts what has no answer when the schedule ends


def schedule(peak: float, seconds: float) -> str:
    """Write the day as JMeter's schedule: between two times of the day the rate changes steadily.

    Args:
        peak: punches/s at 100 percent.
        seconds: that the whole day lasts.
    """
    points = _points(peak, seconds)
    words = [f"rate({points[0][1]:g}/s)"]
    for (begin, _), (end, rate) in pairwise(points):
        words += [f"random_arrivals({1000 * (end - begin):.0f} ms)", f"rate({rate:g}/s)"]
    return " ".join([*words, f"pause({_PAUSE} s)"])


def arrivals(peak: float, seconds: float) -> float:
    """Tell how many punches such a day has."""
    return sum((end - begin) * (low + high) / 2 for (begin, low), (end, high) in pairwise(_points(peak, seconds)))


def steady(rate: int, seconds: int) -> str:
    """Write arrivals at one rate as such a schedule.

    Args:
        rate: punches/s.
        seconds: that they last.
    """
    return f"rate({rate}/s) random_arrivals({seconds} s) rate({rate}/s) pause({_PAUSE} s)"


def _points(peak: float, seconds: float) -> list[tuple[float, float]]:
    """Give times, in seconds, and the punches/s at each."""
    with _CSV.open(encoding="utf-8") as lines:
        day = [(_minutes(row["time"]), float(row["percent_of_peak"])) for row in csv.DictReader(lines)]
    second = seconds / (day[-1][0] - day[0][0])  # that a minute of the day lasts
    return [(minute * second, percent * peak / 100) for minute, percent in day]


def _minutes(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return 60 * int(hours) + int(minutes)
