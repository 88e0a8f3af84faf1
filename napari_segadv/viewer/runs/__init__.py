"""The panel Runs: the history of runs, and sessions on disk."""
