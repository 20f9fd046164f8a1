"""What the commands share: options, output, files, pictures, and the way to a deployment."""
