"""The report of one run: a single HTML file that opens offline and prints well."""

from .writing import Writing, report, report_steps

__all__ = ["Writing", "report", "report_steps"]
