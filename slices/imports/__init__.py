"""Files of punches: from the stage's bucket, by a function, and from a laptop, through the API."""
