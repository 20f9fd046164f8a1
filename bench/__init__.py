"""What the project's own code does, measured; no test, no claim without it."""

import local  # noqa: F401  it says what to do where the packages are not installed
