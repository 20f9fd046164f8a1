# To use an existing database instead of the one that `sls deploy` creates, copy this file to rds_config.py and edit the
# copy, which git ignores. `make run` does not read it.
db_host = "rds endpoint"
db_username = "username"
db_password = "password"
db_name = "database name"

# Optional.
db_port = 5432
db_sslmode = "verify-full"  # "disable" turns TLS off
db_sslrootcert = "ponto/certificates/rds.pem"  # or a file with your own CA, or "system"
