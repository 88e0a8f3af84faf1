"""The panel Slices: what changed in each slice, a reader's verdicts, and what windows show."""
