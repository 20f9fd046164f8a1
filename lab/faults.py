"""What can go wrong: the words of chaos, simulator and interleavings.

What they plant besides, to see that it is found, are mistakes of ours: planted faults.
"""

from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong, by the word that figures have for it."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> "FaultKind":
        kind = str.__new__(cls, word)
        kind._value_, kind.sentence = word, sentence
        return kind

    # Those that `tools/local/faults.py` can do have the same words there.
    STOPPED = "stopped", "the database crashes, and recovers"
    REFUSING = "refusing", "the database refuses connections"
    FROZEN = "frozen", "the database does not answer"
    FAILOVER = "failover", "the database fails over"
    READ_ONLY = "read-only", "the database only reads"
    SLOW = "slow", "the database is too slow"
    LOCKED = "locked", "somebody locks the table"
    EXHAUSTED = "exhausted", "the database has no connection left"
    CUT = "cut", "connections to the database break"
    GIVEN_UP = "given up", "a wait for a lock is given up"
    KILLED = "worker killed", "function processes are killed"
    THROTTLED = "throttled", "the function may not run"
    FUNCTION_CODE = "our code", "our code fails"  # tests say on what
    SQS_SILENT = "SQS silent", "SQS does not answer the function"
    SQS_REFUSES = "SQS refuses", "SQS throttles the function"
    HUNG_UP = "hung up", "a client goes away before its answer"
    STALLED = "stalled", "function processes freeze in the middle"  # for which time leaps
    PAUSED = "paused", "an operator has paused the drain"
    AWAY = "away", "no operator is there"

    __hash__ = str.__hash__  # the enum's own one is written in Python, and the simulator asks for it at every step
