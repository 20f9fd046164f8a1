"""The consumer of the queue of punches: reads each record, stores it, dead-letters what can never be stored."""

__version__ = "1.0.0-rc.1"  # of all of the project; `make docs` writes it where else it stands
