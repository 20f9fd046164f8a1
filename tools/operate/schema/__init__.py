"""ponto schema: apply the migrations to a stage's database."""
