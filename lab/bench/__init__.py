"""Benchmarks behind the project's documented performance figures."""
