"""Kinds of faults that chaos and the simulator inject.

Mutants are something else: deliberately broken variants of the code, which the rules of a simulation must detect.
"""

from enum import StrEnum


class FaultKind(StrEnum):
    """A kind of fault: its value is its name in summaries, its sentence describes it in traces."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> "FaultKind":
        kind = str.__new__(cls, word)
        kind._value_, kind.sentence = word, sentence
        return kind

    # `tools/local/faults.py` uses the same values for the faults that it can inject.
    STOPPED = "stopped", "the database crashes, and recovers"
    REFUSING = "refusing", "the database refuses connections"
    FROZEN = "frozen", "the database does not answer"
    FAILOVER = "failover", "the database fails over"
    READ_ONLY = "read-only", "the database only reads"
    SLOW = "slow", "the database is too slow"
    LOCKED = "locked", "somebody locks the table"
    EXHAUSTED = "exhausted", "the database has no connection left"
    CUT = "cut", "connections to the database break"
    KILLED = "worker killed", "function processes are killed"
    THROTTLED = "throttled", "the function may not run"
    FUNCTION_CODE = "function code", "the function's code fails"  # only in tests, which choose the messages
    SQS_SILENT = "SQS silent", "SQS does not answer the function"
    SQS_REFUSES = "SQS refuses", "SQS throttles the function"
    STALLED = "stalled", "function processes freeze in the middle"  # while the clock runs
    PAUSED = "paused", "an operator has paused the drain"
    AWAY = "away", "no operator is there"

    # The simulator calls it at every step, and that of Enum, which is written in Python, is too slow.
    __hash__ = str.__hash__
