"""The reproductions, one module each."""
