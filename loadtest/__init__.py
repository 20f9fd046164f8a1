"""`make loadtest`: load by JMeter, and the proof that every accepted punch became one row or a dead letter."""

import tools  # noqa: F401  explains what to do if packages are missing
