create role ponto_notes login; -- stores notes
