"""Corrections of punches: rows in a separate table, each with an author. The punches themselves never change."""
