"""What steps have in common that let every intensity through, in the units that it has."""


class Windowless:
    """A step of a preprocessing without a window; see `chain.Step`."""

    @property
    def window(self) -> tuple[float, float] | None:
        return None

    @property
    def rescales(self) -> bool:
        return False
