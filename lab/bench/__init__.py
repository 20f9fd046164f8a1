"""Benchmarks of the project, on which its documented figures rest."""
