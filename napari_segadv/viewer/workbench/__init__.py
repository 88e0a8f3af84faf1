"""The workbench: all panels in one dock, and what runs."""
