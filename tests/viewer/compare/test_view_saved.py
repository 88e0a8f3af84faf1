"""Views that are copied and saved: what is written below them, the scale bar, and no names."""

from dataclasses import replace

import numpy as np
import pytest
from clicks import click, drained
from compare_window import canvas, on_canvas, press, show
from controls import pick
from pictured import body, boxed, film, graded, seen, show_target
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_segadv.measures.by_window import seen_in_windows, worst
from napari_segadv.viewer.compare.contours import AS_SHOWN, CONTOURS, FILLED, HIDDEN, ROLES
from napari_segadv.viewer.compare.view_facts import DASH, WARNING, facts_of
from napari_segadv.viewer.compare.view_picture import ALARM, BACK, nice_length, picture
from napari_segadv.viewer.compare.view_section import COPIED


def pixels(image):
    """A QImage in colours."""
    whole = image.convertToFormat(QImage.Format_RGB888)
    bits = whole.constBits().asarray(whole.sizeInBytes())
    lines = np.frombuffer(bits, np.uint8).reshape(whole.height(), whole.bytesPerLine())
    return lines[:, : 3 * whole.width()].reshape(whole.height(), whole.width(), 3).astype(int)


@pytest.fixture
def saving(tmp_path, monkeypatch):
    """The file that the dialog says."""
    path = tmp_path / "view.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    return path


def saved(qtbot, compare, path):
    """A click on the button, and the picture once it is written."""
    path.unlink(missing_ok=True)
    click(qtbot, compare.view.save_button)
    qtbot.waitUntil(path.exists)
    assert compare.status.text() == f"saved the view as {path.name}"
    return QImage(str(path))


def test_the_canvas_is_copied_as_it_is(window, compare, qtbot, flat):
    show(window, film(flat))
    click(qtbot, compare.modes["side by side"])
    screen = seen(window, qtbot)
    click(qtbot, compare.view.copy_button)
    assert compare.status.text() == COPIED
    np.testing.assert_array_equal(pixels(QApplication.clipboard().image()), screen)


def test_a_saved_view_is_the_canvas_and_a_strip_below_it(window, compare, qtbot, flat, saving):
    image, _ = show(window, film(flat))
    show_target(compare.controller, image, film(flat))
    for mode in ("side by side", "swipe", "difference"):
        click(qtbot, compare.modes[mode])
        screen = seen(window, qtbot)
        whole = saved(qtbot, compare, saving)
        assert whole.text("Description") == WARNING
        found = pixels(whole)
        assert found.shape[1] == screen.shape[1]
        height = screen.shape[0]
        above, strip = found[:height], found[height:]
        # But for the scale bar, in the lower left corner.
        off = np.argwhere((above != screen).any(axis=-1))
        assert off[:, 0].min() > 0.8 * height
        assert off[:, 1].max() < 0.4 * screen.shape[1]
        assert tuple(strip[2, 2]) == ALARM.getRgb()[:3]
        assert tuple(strip[-2, 2]) == BACK.getRgb()[:3]
        # The warning is written in white, in the middle.
        white = np.nonzero((strip[:20] > 240).all(axis=-1))[1]
        assert len(white) > 50
        assert white.mean() == pytest.approx(screen.shape[1] / 2, rel=0.05)


def test_the_colours_of_the_legend_are_in_the_strip(window, compare, qtbot, flat, saving):
    image, _ = show(window, film(flat))
    show_target(compare.controller, image, film(flat))
    pick(qtbot, compare.look, CONTOURS)
    height = seen(window, qtbot).shape[0]
    strip = pixels(saved(qtbot, compare, saving))[height:]
    for role in ROLES:
        colour = np.round(255 * np.array(role.colour))
        assert np.count_nonzero(np.abs(strip - colour).max(axis=-1) <= 1) > 100


def test_nothing_names_the_patient(window, compare, qtbot, flat, saving):
    """Not the text in a corner of the canvas, and no name of a layer, a run or an image."""
    image, adversarial = show(window, film(flat))
    plain = pixels(saved(qtbot, compare, saving))
    window.canvas.overlays.text.text = "patient 7"
    window.canvas.overlays.text.visible = True
    image.name = "Jane Doe 1950"
    image.name_overlay.visible = adversarial.name_overlay.visible = True
    compare.controller.runs.rename(compare.controller.runs.current, "Doe^Jane")
    before = seen(window, qtbot)
    np.testing.assert_array_equal(pixels(saved(qtbot, compare, saving)), plain)
    # The canvas is as it was.
    np.testing.assert_array_equal(seen(window, qtbot), before)
    assert "Doe" not in str(facts_of(compare.comparison))


def figures(compare):
    return dict(facts_of(compare.comparison).figures)


def test_what_is_written_of_a_film(window, compare, qtbot, flat):
    example = film(flat)
    example = replace(
        example,
        measures={**example.measures, "moved": 0.9899, "kept": 0.998, "target_iou": 0.98765},
    )
    image, _ = show(window, example)
    image.contrast_limits = (20, 200)
    facts = facts_of(compare.comparison)
    assert facts.seen == "adversarial"
    assert facts.window == "range 20 to 200 grey levels"
    assert facts.place == ""
    assert facts.unit == "pixels"
    linf, share = (example.measures[name] for name in ("linf", "linf_percent_of_window"))
    assert figures(compare) == {
        "target IoU": "0.987",
        "changed as asked": "98.9 %",
        "left intact": "99.8 %",
        "largest change": f"{linf:g} grey levels ({share:.2g} % of the window)",
        "SSIM of the worst window": "not measured",
    }
    found = worst(seen_in_windows(example.clean, example.adversarial))
    measured = dict(facts.with_worst(found).figures)
    assert measured["SSIM of the worst window"] == f"{found.ssim_shown:.4f} (full range)"
    assert dict(facts.with_worst(None).figures)["SSIM of the worst window"].startswith("the change")


def test_which_image_is_seen_is_said_in_every_mode(window, compare, qtbot, flat):
    image, adversarial = show(window, film(flat))

    def said():
        return facts_of(compare.comparison).seen

    assert said() == "adversarial"
    adversarial.visible = False
    assert said() == "clean"
    adversarial.visible = True
    qtbot.keyPress(canvas(window), Qt.Key_H)
    assert said() == "clean"
    qtbot.keyRelease(canvas(window), Qt.Key_H)
    click(qtbot, compare.modes["blink"])
    compare.timer.stop()
    assert said() == "adversarial"
    compare.comparison.flip()
    assert said() == "clean"
    for mode, text in (("side by side", "clean on the left"), ("swipe", "clean left of the line")):
        click(qtbot, compare.modes[mode])
        assert said().startswith(text)
    click(qtbot, compare.modes["difference"])
    assert legend_of(compare)[:2] == ["darker", "brighter"]
    assert said().startswith("adversarial minus clean, strongest colour at ±")
    assert said().endswith("grey levels")


def legend_of(compare):
    return [name for _, name in facts_of(compare.comparison).legend]


def test_the_legend_names_what_is_seen(window, compare, qtbot, flat):
    image, _ = show(window, film(flat))
    show_target(compare.controller, image, film(flat))
    assert legend_of(compare) == ["spleen"]
    looks = {
        CONTOURS: [
            "clean prediction (contour)",
            "adversarial prediction (contour)",
            "target (contour)",
            "in the image: liver, spleen",
        ],
        FILLED: ["target (contour)", "spleen"],
        HIDDEN: [],
    }
    for look, expected in looks.items():
        pick(qtbot, compare.look, look)
        assert legend_of(compare) == expected
    pick(qtbot, compare.look, AS_SHOWN)
    for mode in ("side by side", "swipe"):
        click(qtbot, compare.modes[mode])
        assert legend_of(compare) == ["target (contour)", "liver", "spleen"]
    click(qtbot, compare.modes["blink"])
    compare.timer.stop()
    assert legend_of(compare) == ["target (contour)", "spleen"]
    compare.comparison.flip()
    assert legend_of(compare) == ["liver"]


def test_a_slice_without_a_structure(window, compare, qtbot, deep, saving):
    image, _ = show(window, body(deep))
    press(qtbot, window, Qt.Key_2)
    window.dims.set_current_step(0, 3)
    pick(qtbot, compare.look, CONTOURS)
    facts = facts_of(compare.comparison)
    assert facts.place == "slice 3 (0 to 5)"
    assert facts.window == "C 40 / W 400 HU"
    assert facts.unit == "mm"
    assert legend_of(compare)[-1] == "in this slice: liver"
    # The target has no structure at all: its IoU says nothing.
    assert figures(compare)["target IoU"] == DASH
    window.dims.set_current_step(0, 0)
    assert legend_of(compare)[-1] == "no structure in this slice"
    window.dims.order = (1, 0, 2)
    window.dims.set_point(1, image.data_to_world((0, 10, 0))[1])
    assert facts_of(compare.comparison).place == "row 10 (0 to 19)"
    saved(qtbot, compare, saving)
    window.dims.ndisplay = 3
    facts = facts_of(compare.comparison)
    assert (facts.place, facts.pixel) == ("3-D view", None)
    saved(qtbot, compare, saving)


@pytest.mark.parametrize("kind", [boxed, graded])
def test_of_boxes_and_grades_too(window, compare, qtbot, flat, saving, kind):
    show(window, kind(flat))
    click(qtbot, compare.modes["side by side"])
    expected = {boxed: ["liver", "spleen"], graded: ["none 98.0 %", "mild 98.0 %"]}[kind]
    assert legend_of(compare) == expected
    saved(qtbot, compare, saving)


@pytest.mark.parametrize("zoom", [0.5, 1.0, 6.0])
def test_the_scale_bar_is_as_long_as_it_says(window, compare, qtbot, deep, zoom):
    show(window, body(deep))
    drained(qtbot)
    window.scene.camera.zoom = zoom
    black = QImage(600, 400, QImage.Format_RGB32)
    black.fill(Qt.black)
    found = pixels(picture(black, facts_of(compare.comparison)))[:400]
    white = (found > 240).all(axis=-1)
    rows = [r for r in range(400) if white[r].sum() > 0]
    length = white[rows[-1]].sum()
    mm = length / zoom
    assert mm == pytest.approx(nice_length(0.25 * 600 / zoom), rel=0.02)
    x0, _ = on_canvas(window, (0, 0))
    x1, _ = on_canvas(window, (0, mm))
    assert x1 - x0 == pytest.approx(length, abs=1)


def test_a_file_that_cannot_be_written_is_one_line(window, compare, qtbot, flat, saving):
    show(window, film(flat))
    saving.mkdir()
    click(qtbot, compare.view.save_button)
    qtbot.waitUntil(lambda: "can't be written" in compare.status.text())
    assert "view.png" in compare.status.text()
    assert list(saving.parent.iterdir()) == [saving]


def test_without_a_run_there_is_nothing_to_save_but_the_canvas_to_copy(window, compare, qtbot):
    assert not compare.view.save_button.isEnabled()
    window.add_image(np.eye(9))
    click(qtbot, compare.view.copy_button)
    assert not QApplication.clipboard().image().isNull()


def test_a_narrow_canvas_cuts_nothing_off(window, compare, qtbot, flat):
    """Every word lies within the picture, however narrow; the strip grows."""
    show(window, film(flat))
    facts = facts_of(compare.comparison)
    many = ", ".join(f"structure {n}" for n in range(40))
    facts = replace(facts, legend=((None, many), ((1.0, 0.0, 0.0), many)))
    heights = []
    for width in (900, 420):
        black = QImage(width, 300, QImage.Format_RGB32)
        black.fill(Qt.black)
        found = pixels(picture(black, facts))
        heights.append(len(found))
        strip = found[330:]
        ink = (np.abs(strip - BACK.getRgb()[:3]) > 40).any(axis=-1)
        assert ink.any()
        assert not ink[:, -6:].any()
    assert heights[1] > heights[0]
