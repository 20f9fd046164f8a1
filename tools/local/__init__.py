"""One machine's AWS: PostgreSQL, an emulator, and the project's own serverless.yml deployed to it."""
