"""Errors that a user can act on: one line that says what is wrong and what to do."""

from pathlib import Path


class SegadvError(Exception):
    """An error that the user can fix; its one line names the file, the problem and the remedy."""


class NeedsTrust(SegadvError):
    """Loading a victim's file would run code from it, and the user has not agreed to that yet.

    Attributes:
        path: the file or folder.
        sha256: hash of everything in it, hexadecimal.
        runs: the code that would run, an expression or a description for each piece.
    """

    def __init__(self, path: str, sha256: str, runs: tuple[str, ...]) -> None:
        self.path, self.sha256, self.runs = path, sha256, runs
        # Whole, and each character that is not plain ASCII by its code.
        listed = "; ".join(run.encode("unicode_escape").decode("ascii") for run in runs)
        super().__init__(
            f"{path}: loading it runs code from the file ({listed}); "
            f"if you trust its source, give its hash: --trust {sha256}"
        )


class NeedsDescription(SegadvError):
    """A network file has no description beside it yet.

    Attributes:
        path: the network file.
        beside: where its description has to be.
    """

    def __init__(self, path: str, beside: str) -> None:
        self.path, self.beside = path, beside
        super().__init__(
            f"{path}: needs a description beside it, {Path(beside).name}, with at least "
            '{"classes": [...], "dims": 2, "window": [low, high]}; see docs/victims.md'
        )


class Cancelled(Exception):
    """Raised inside a pass through a victim if the run that it belongs to was cancelled."""
