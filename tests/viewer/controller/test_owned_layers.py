"""Layers that belong to the user: renamed, moved, odd or gone, they are never taken for others."""

import gc
import weakref

import numpy as np
import pytest
from clicks import click, idle
from helpers import disc_image, disc_labels
from napari.components import ViewerModel
from napari.layers import Image, Labels
from roles import role

from napari_segadv import io
from napari_segadv.data.scan import Grid
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, mask_of, scan_of
from napari_segadv.viewer.layers.names import NOISE, TARGET
from napari_segadv.viewer.layers.task_view import CHOOSE, UNTARGETED


def make_target(panel, qtbot):
    """A target that only copies the prediction: it never fails."""
    panel.target_section.shape.value = "copy"
    click(qtbot, panel.target_section.button)
    idle(qtbot, panel.controller)


def test_a_renamed_target_stays_the_target_and_the_users_own(window, ready, qtbot):
    panel = ready
    make_target(panel, qtbot)
    mine = role(window, TARGET)
    mine.name = "my lesion"
    mine.data[:5, :5] = 1
    window.add_labels(np.zeros_like(mine.data), name="another")
    assert panel.target.value is mine
    make_target(panel, qtbot)
    assert mine in window.layers
    assert mine.data[:5, :5].all()
    assert role(window, TARGET) is not mine


def test_a_target_that_is_gone_is_not_taken_for_untargeted(window, ready, qtbot):
    panel = ready
    make_target(panel, qtbot)
    window.layers.remove(role(window, TARGET))
    assert panel.target.value == CHOOSE
    assert not panel.run_button.isEnabled()
    assert panel.missing.text() == "choose a target: Make target, or paint one"
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    assert panel.controller.example.target is None


def test_predictions_are_not_offered_as_targets(window, ready, qtbot):
    panel = ready
    make_target(panel, qtbot)
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    offered = [choice for choice in panel.target.choices if isinstance(choice, Labels)]
    assert offered == [role(window, TARGET)]
    assert [layer.name for layer in panel.image.choices if isinstance(layer, Image)] == ["xray"]


@pytest.mark.parametrize("kind", ["nan", "constant", "4-D"])
def test_an_odd_image_does_not_stop_the_panel(window, qtbot, weights_file, kind):
    data = {
        "nan": np.full((20, 20), np.nan, np.float32),
        "constant": np.zeros((20, 20), np.uint8),
        "4-D": np.random.default_rng(0).random((2, 3, 20, 20)),
    }[kind]
    window.add_image(data, name="odd")
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    qtbot.waitUntil(lambda: bool(panel.controller.victims.attacks))
    idle(qtbot, panel.controller)
    panel.attack_section.method.value = "fgsm"
    assert panel.attack_section.form is not None
    panel.victim_section.open(str(weights_file))
    idle(qtbot, panel.controller)
    assert panel.controller.victims.victim is not None


def test_a_victim_that_can_not_be_loaded_is_not_shown_as_the_one(window, ready, qtbot, tmp_path):
    panel = ready
    before = panel.victim_section.victim.value
    (tmp_path / "broken.pt").write_bytes(b"nothing")
    panel.victim_section.open(str(tmp_path / "broken.pt"))
    idle(qtbot, panel.controller)
    assert panel.controller.victims.source == before
    assert panel.victim_section.victim.value == before
    assert "broken" in panel.status.text()


def test_a_budget_for_an_image_from_0_to_1(window, panel, qtbot):
    panel.attack_section.budget.set_scale(1.0, 1000, "grey level")
    assert panel.attack_section.budget.values()["epsilon"] == pytest.approx(0.02)
    panel.attack_section.budget.epsilon.value = 0.004
    assert panel.attack_section.budget.values()["epsilon"] == pytest.approx(0.004)
    panel.attack_section.budget.set_scale(0.05, 1000, "grey level")
    assert panel.attack_section.budget.values()["epsilon"] == pytest.approx(0.001)


def test_the_noise_is_saved_with_the_images_geometry(window, panel, qtbot, ct, tmp_path):
    panel.victim_section.open(str(two_d_victim(tmp_path)))
    idle(qtbot, panel.controller)
    data, keywords, _ = image_tuple(ct)
    window.add_image(data, **keywords)
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    role(window, NOISE).save(str(tmp_path / "n.nii.gz"), plugin="napari-segadv")
    assert io.read(tmp_path / "n.nii.gz").grid.same_as(ct.grid)


def two_d_victim(folder):
    """A 2-D network of random weights that predicts something."""
    import torch
    from helpers import ARGUMENTS, describe
    from monai.networks.nets import UNet

    torch.manual_seed(0)
    torch.save(UNet(**ARGUMENTS).state_dict(), folder / "flat.pt")
    describe(folder / "flat.pt", network="UNet", arguments=ARGUMENTS, window=[-200, 250])
    return folder / "flat.pt"


def test_labels_that_lie_elsewhere_are_moved_by_their_place():
    image = Image(disc_image())
    labels = Labels(disc_labels(), translate=(4, 4))
    grid = scan_of(image).grid
    moved = mask_of(labels, image, grid)
    np.testing.assert_array_equal(moved.array[4:, 4:], disc_labels()[:-4, :-4])
    assert not moved.array[:4].any()
    far = Labels(disc_labels(), translate=(400, 4))
    with pytest.raises(SegadvError, match="^This label map belongs to another image"):
        mask_of(far, image, grid)


def test_a_layer_placed_by_an_affine_keeps_its_flips(ct):
    affine = ct.grid.affine
    image = Image(np.array(ct.array), affine=affine)
    grid = scan_of(image).grid
    assert grid.physical
    np.testing.assert_allclose(grid.affine, affine)
    labels = Labels(np.ones(ct.grid.shape, np.uint8), affine=affine)
    assert mask_of(labels, image, grid).grid.same_as(grid)


def test_a_sheared_layer_is_refused():
    image = Image(disc_image(), shear=[0.5])
    with pytest.raises(SegadvError, match="sheared"):
        scan_of(image)


def test_a_closed_viewer_is_forgotten():
    viewer = ViewerModel()
    controller = Controller.of(viewer)
    gone = weakref.ref(viewer)
    assert controller in Controller._known.values()
    del viewer
    gc.collect()
    assert gone() is None
    assert controller not in Controller._known.values()
    assert list(controller.layers) == []


@pytest.mark.parametrize("flip", [(1, 1), (-1, 1), (-1, -1)])
def test_a_heart_stands_upright_on_the_screen(flip):
    from napari_segadv import targets
    from napari_segadv.data.scan import Mask

    array = np.zeros((80, 80), np.uint8)
    array[20:60, 20:60] = 1
    grid = Grid((80, 80), (1.0, 1.0), (0.0, 0.0), np.diag(np.array(flip, float)))
    heart = targets.heart(Mask(array, grid), 1).array
    rows = np.nonzero(heart.any(1))[0]
    widths = heart.sum(1)[rows[0] : rows[-1] + 1]
    shown = widths[:: flip[0]]
    assert shown[len(shown) // 4] > 2 * shown[-len(shown) // 6]


def test_an_image_that_has_left_is_not_chosen(window):
    """A session that is being opened chooses its image last, and the user may have removed it."""
    controller = Controller.of(window)
    first, second, third = (window.add_image(disc_image(), name=name) for name in "abc")
    window.layers.remove(third)
    assert controller.image is second
    controller.choose(third)
    assert controller.image is second
    controller.choose(first)
    assert controller.image is first
