# Copy to rds_config.py (git ignores it) to name a database of your own; delete it to use the one that
# `sls deploy` makes. `make run` never reads it.
db_host = "rds endpoint"
db_username = "username"
db_password = "password"
db_name = "database name"

# Optional.
db_port = 5432
db_sslmode = "verify-full"  # "disable": without TLS
db_sslrootcert = "ponto/certificates/rds.pem"  # or your own authority's file there; or "system"
