create role ponto_receipts login; -- the function for receipts
