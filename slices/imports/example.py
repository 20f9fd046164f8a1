"""Example of a CSV file, for the README."""

import csv
import io
import json

from ponto.punch import EVENT


def csv_block() -> str:
    """Return a CSV file with an example of the event, as a fenced block."""
    body = {name: value for name, value in EVENT.examples[-1].items() if value != ""}  # an empty cell means no value
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(body)
    writer.writerow(value if isinstance(value, str) else json.dumps(value) for value in body.values())
    return f"```csv\n{text.getvalue()}```"
