"""What comes out of an attack: examples, their folders, figures and tables, verdicts, sessions."""
