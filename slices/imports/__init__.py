"""Import of files of punches: from the stage's bucket by a Lambda function, or from a laptop through the API."""
