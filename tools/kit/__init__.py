"""Code that the commands share: options, output, files, pictures, and access to a deployment."""
