"""Corrections of punches: rows beside them, written by somebody who answers for each. Punches stay what was sent."""
