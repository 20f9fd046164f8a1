"""Optional features: each slice is one folder, which can be turned off or deleted (slices/README.md)."""
