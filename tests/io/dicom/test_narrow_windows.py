"""Windows of images whose values have fractions: diffusion maps, SUV, fractions of fat."""

import numpy as np
import pytest
from dicoms import image, save

from napari_segadv import io

PIXELS = np.arange(1000, dtype=np.uint16).reshape(25, 40)


@pytest.mark.parametrize("width", [0.002, 0.5, 0.999, 1, 1.8, 5, 9.9, 10, 400])
@pytest.mark.parametrize("function", ["", "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("whole", [False, True])
def test_no_window_becomes_a_step_without_a_word(tmp_path, width, function, whole):
    """The brightness at the quarters of a window; a step has 0 or 1 at each of them."""
    slope, centre = (1, 500) if whole else (width / 500, width / 2)
    facts = {"RescaleSlope": f"{slope:.9g}", "RescaleIntercept": 0}
    facts |= {"WindowCenter": centre, "WindowWidth": width, "VOILUTFunction": function or None}
    scan = io.read(save(image(PIXELS, "MR", 16, **facts), tmp_path / "x.dcm"))
    told = [note for note in scan.notes if "too narrow for the linear formula" in note]
    low, high = centre - width / 2, centre + width / 2
    linear = function in ("", "LINEAR")
    meant = width < 1 or (not whole and (width <= 1 or (not function and width < 10)))
    assert bool(told) == (linear and meant)
    if function == "LINEAR_EXACT" or told:
        assert scan.presentation.limits == pytest.approx((low, high))
        np.testing.assert_allclose(
            scan.presentation([low, low + width / 4, centre, high]), [0, 0.25, 0.5, 1], atol=1e-9
        )
    elif linear and width > 1:
        assert scan.presentation.limits == pytest.approx((low, high - 1))
    if not whole and function != "SIGMOID" and not (function == "LINEAR" and width > 1):
        grey = scan.presentation(scan.array)
        assert ((grey > 0.02) & (grey < 0.98)).mean() > 0.4
