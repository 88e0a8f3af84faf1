"""Synthesis (Chen 2019): images warped by a displacement field and shaded by an intensity field."""
