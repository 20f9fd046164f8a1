create schema %(schema)s
