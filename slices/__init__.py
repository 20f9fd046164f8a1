"""What can be taken or left: each folder holds all of itself, and goes by `rm -r` (slices/README.md)."""
