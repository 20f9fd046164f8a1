"""The statements of `reads`, with the types of their parameters."""

from pathlib import Path

from ponto.reader.statements import Catalogue, read_folder

STATEMENTS = Catalogue(read_folder(Path(__file__).parent / "reads"), {"notes": {}})
