"""Synthesis (Chen 2019): images bent by a displacement field and shaded by an intensity field."""
