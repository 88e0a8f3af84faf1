"""The panel Keys and help."""
