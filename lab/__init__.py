"""Programs that test and measure the project, and that no deployment uses; README.md lists them."""

import tools  # noqa: F401  explains what to do if packages are missing
