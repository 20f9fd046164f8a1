"""Shared by the commands: options, output, files, pictures, and the way to a deployment."""
