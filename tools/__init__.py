"""What operators, testers and developers run, one folder per command. Nothing of it goes to Lambda."""

from importlib.util import find_spec

if find_spec("psycopg2") is None:  # the Python of the system, or an environment of another project
    raise SystemExit("psycopg2 is not installed for this Python. Run make setup, then: . .venv/bin/activate")
