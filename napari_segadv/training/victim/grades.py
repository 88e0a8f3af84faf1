"""How well a victim grades images: the shares that it grades correctly."""

from collections.abc import Iterable

import numpy as np

from ...data.grade import Grade
from ...data.scan import Scan
from ...victims.victim import Victim


def accuracy(victim: Victim, cases: Iterable[tuple[Scan, Grade]]) -> dict[str, float]:
    """Return the shares graded correctly: of all, within one grade, and of each true grade."""
    pairs = np.array([(truth.label, victim.predict(scan).label) for scan, truth in cases])
    truth, found = pairs.T
    by_grade = {
        f"accuracy {name}": float((found == truth)[truth == label].mean())
        for label, name in enumerate(victim.classes)
        if (truth == label).any()
    }
    within = float((np.abs(found - truth) <= 1).mean())
    return {"accuracy": float((found == truth).mean()), "within one grade": within, **by_grade}
