"""Local stack: PostgreSQL, an AWS emulator, and the project's serverless.yml deployed to it."""
