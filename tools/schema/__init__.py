"""`ponto schema`: bring a stage's database to the current schema."""
