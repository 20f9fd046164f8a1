"""Load from JMeter on the running system, and the proof that every accepted punch became one row."""

import tools  # noqa: F401  it says what to do where the packages are not installed
