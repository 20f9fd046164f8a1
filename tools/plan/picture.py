"""A peak as a picture: what came and what was stored, and what waited where."""

from pathlib import Path

from tools.kit.pictures import BLUE, GREEN, GREY, ORANGE, RED, dress, new_figure, save
from tools.plan.capacity import Forecast


def draw(file: Path, forecast: Forecast) -> None:
    """Draw the peak of a forecast into a file.

    Args:
        file: .png or .svg; overwritten if it is there.
        forecast: whose peak, of one cell.

    Raises:
        CommandError: matplotlib is not installed, or the file cannot be written.
    """
    seconds = forecast.peak.seconds
    minutes = [second / 60 for second in range(1, len(seconds) + 1)]
    stored = _smooth([second.stored for second in seconds])
    figure = new_figure(10, 7, _title(forecast))
    rates, depths = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])

    arrived = [second.arrived for second in seconds]
    rates.fill_between(minutes, arrived, color=BLUE, alpha=0.2, linewidth=0, label="employees")
    requests = [second.requests for second in seconds]
    if requests != arrived:
        rates.plot(minutes, _smooth(requests), color=ORANGE, linewidth=1, label="requests, retries included")
    rates.plot(minutes, stored, color=GREEN, linewidth=3, alpha=0.6, label="stored")
    rates.plot(minutes, [second.accepted for second in seconds], color=BLUE, linewidth=1, label="accepted")
    throttle = min(throttle.rate for throttle in forecast.settings.throttles)  # requests/s, lasting
    if throttle <= 1.5 * max(requests):
        rates.axhline(throttle, color=RED, linestyle="--", linewidth=1, label="throttle")
    rates.set_ylabel("punches a second")

    depths.fill_between(
        minutes, [second.queued for second in seconds], color=GREEN, alpha=0.5, linewidth=0, label="in the queue"
    )
    retrying = [second.retrying for second in seconds]
    if any(retrying):
        depths.plot(minutes, retrying, color=ORANGE, label="on devices, to be sent again")
    depths.set_ylabel("punches waiting")
    depths.set_xlabel("minutes since the first punch")

    for axes in (rates, depths):
        axes.axvline(forecast.peak_seconds / 60, color=GREY, linestyle=":", linewidth=1, label="end of the peak")
        dress(axes)
    depths.set_xlim(0, minutes[-1])
    save(figure, file, file.suffix)


def _title(forecast: Forecast) -> str:
    workload = forecast.workload
    cells = f", one of {workload.cells} cells" if workload.cells > 1 else ""
    verdict = (
        f"none is turned away, and none waits in the queue for more than {forecast.oldest} s"
        if forecast.fits
        else f"{forecast.throttled:,} requests are answered 429, the oldest in the queue waits {forecast.oldest:,} s"
    )
    return f"{workload.employees:,} employees punch within {forecast.peak_seconds / 60:g} minutes{cells}:\n{verdict}"


def _smooth(numbers: list[int], width: int = 5) -> list[float]:
    """Average over some seconds: whole punches a second make a line that jumps."""
    around = [numbers[max(at - width // 2, 0) : at + width // 2 + 1] for at in range(len(numbers))]
    return [sum(part) / len(part) for part in around]
