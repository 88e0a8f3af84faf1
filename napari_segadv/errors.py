"""Errors that a user can act on: one line that says what is wrong and what to do."""


class SegadvError(Exception):
    """Something the user can put right, in one line: the file, the problem, the remedy."""


class NeedsTrust(SegadvError):
    """A victim's file would run code of its own on loading, and nobody has agreed to that yet.

    Attributes:
        path: the file or folder.
        sha256: hash of everything in it, hexadecimal.
        runs: what would run, one expression or description each.
    """

    def __init__(self, path: str, sha256: str, runs: tuple[str, ...]) -> None:
        self.path, self.sha256, self.runs = path, sha256, runs
        super().__init__(
            f"{path}: loading it runs code from the file ({'; '.join(runs)}). "
            f"If you trust its source, give its hash: --trust {sha256}"
        )


class Cancelled(Exception):
    """Raised inside a pass through a victim when the run it belongs to has been cancelled."""
