"""A session in one folder."""
