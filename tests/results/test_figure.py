"""The picture of a result: names of classes are drawn as they are, whatever they are."""

import io

import numpy as np
from helpers import band_victim_of, disc_image, mask_on

from napari_segadv import attacks, craft
from napari_segadv.common.wording import percent
from napari_segadv.data.scan import Scan
from napari_segadv.results.figure import figure


def test_names_that_look_like_formulas_are_drawn_as_they_are():
    victim = band_victim_of(("background", r"$\frac{ lesion", "_cyst\n\n$x$"))
    scan = Scan.from_array(disc_image())
    target = np.zeros(scan.grid.shape, np.uint8)
    target[10:30, 10:40] = 1
    target[30:40, 40:60] = 2
    example = craft(
        scan,
        victim,
        attacks.get("pgd")(epsilon=8.0, steps=1),
        target=mask_on(scan, target, victim.classes),
        device="cpu",
    )
    drawn = figure(example)
    # A formula that is none would raise an error here.
    drawn.savefig(io.BytesIO(), format="png")
    (legend,) = drawn.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [r"\$\frac{ lesion", r" _cyst \$x\$"]


def test_a_target_without_structures_has_no_iou():
    victim, scan = band_victim_of(("background", "dim", "bright")), Scan.from_array(disc_image())
    attack = attacks.get("pgd")(epsilon=8.0, steps=1)
    empty = mask_on(scan, np.zeros(scan.grid.shape, np.uint8), victim.classes)
    example = craft(scan, victim, attack, target=empty)
    titles = [axes.get_title() for axes in figure(example).axes]
    gone = percent(example.measures["moved"])
    assert f"prediction of adversarial, {gone} gone" in titles
    assert not any("IoU" in title for title in titles)
