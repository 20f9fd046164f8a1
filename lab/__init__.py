"""What proves the project, and nobody operates with: the way in is README.md."""

import tools  # noqa: F401  it says what to do where the packages are not installed
