"""What can go wrong: the words of chaos, simulator and interleavings.

What they plant besides, to see that it is found, are mistakes of ours: planted faults.
"""

from enum import StrEnum


class Area(StrEnum):
    """Where it goes wrong."""

    DATABASE = "database"
    CONNECTION = "connection"
    PROCESS = "process"
    QUEUE = "queue"
    NETWORK = "network"
    CLOCK = "clock"
    PEOPLE = "people"


class Kind(StrEnum):
    """What can go wrong, by the word that figures have for it."""

    area: Area
    sentence: str

    def __new__(cls, word: str, area: Area, sentence: str) -> "Kind":
        kind = str.__new__(cls, word)
        kind._value_, kind.area, kind.sentence = word, area, sentence
        return kind

    # Those that `tools/local/faults.py` can do have the same words there.
    STOPPED = "stopped", Area.DATABASE, "the database crashes, and recovers"
    REFUSING = "refusing", Area.DATABASE, "the database refuses connections"
    FROZEN = "frozen", Area.DATABASE, "the database does not answer"
    FAILOVER = "failover", Area.DATABASE, "the database fails over"
    READ_ONLY = "read-only", Area.DATABASE, "the database only reads"
    SLOW = "slow", Area.DATABASE, "the database is too slow"
    LOCKED = "locked", Area.DATABASE, "somebody locks the table"
    EXHAUSTED = "exhausted", Area.DATABASE, "the database has no connection left"
    CUT = "cut", Area.CONNECTION, "connections to the database break"
    GIVEN_UP = "given up", Area.CONNECTION, "a wait for a lock is given up"
    KILLED = "worker killed", Area.PROCESS, "function processes are killed"
    THROTTLED = "throttled", Area.PROCESS, "the function may not run"
    OUR_CODE = "our code", Area.PROCESS, "our code fails"  # tests say on what
    SQS_SILENT = "SQS silent", Area.QUEUE, "SQS does not answer the function"
    SQS_REFUSES = "SQS refuses", Area.QUEUE, "SQS throttles the function"
    HUNG_UP = "hung up", Area.NETWORK, "a client goes away before its answer"
    STALLED = "stalled", Area.CLOCK, "function processes freeze in the middle"  # for which time leaps
    PAUSED = "paused", Area.PEOPLE, "an operator has paused the drain"
    AWAY = "away", Area.PEOPLE, "no operator is there"

    __hash__ = str.__hash__  # the enum's own one is written in Python, and the simulator asks for it at every step
