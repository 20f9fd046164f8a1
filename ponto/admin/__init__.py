"""What an operator does to the database by the function `schema`: migrations, roles, finding a punch."""
