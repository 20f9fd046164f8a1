"""Commands of operators and developers, one folder per command. None of this code is deployed to Lambda."""

from importlib.util import find_spec

if find_spec("psycopg2") is None:  # the system's Python, or another project's environment
    raise SystemExit("psycopg2 is not installed for this Python. Run make setup, then: . .venv/bin/activate")
