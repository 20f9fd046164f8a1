"""What JMeter needs on this machine."""

import os
import shutil
from pathlib import Path


def java() -> str | None:
    """Return the path of Java, as JAVA_HOME or PATH has it; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(home) / "bin" / "java") if home else "java")


def is_to_be_had() -> bool:
    """Whether there is Java, and JMeter, or Maven to fetch it."""
    return bool(java() and (shutil.which("jmeter") or shutil.which("mvn")))
