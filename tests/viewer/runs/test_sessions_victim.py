"""The victim of an opened session: loaded as if chosen, after consent, or missed."""

import pytest
import torch
from clicks import drained, idle
from helpers import bundle, disc_image, save_torchscript, small_network
from qtpy.QtWidgets import QDialog
from reopened import docked, opened, same_layers, same_runs, saved

from napari_segadv.common.hashing import earlier_hash, sha256_of
from napari_segadv.results.session.folder import open_session
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.widgets.trust_question import TrustQuestion


def with_victim(window, qtbot, folder, path, monkeypatch, answer):
    """A session whose victim is code that was agreed to; questions are answered from now on."""
    asked = []

    def execute(dialog):
        asked.append(dialog.introduction.text())
        return answer

    monkeypatch.setattr(TrustQuestion, "exec", execute)
    panel, controller = docked(window), Controller.of(window)
    layer = window.add_image(disc_image(), name="x-ray")
    controller.victims.load_victim(str(path), sha256_of(path))
    idle(qtbot, controller)
    controller.attack(layer, "pgd", {"epsilon": 4.0, "steps": 1}, None, "cpu")
    idle(qtbot, controller)
    saved(qtbot, panel, folder)
    return asked


@pytest.mark.parametrize("answer", [QDialog.Accepted, QDialog.Rejected])
@pytest.mark.parametrize("attack_panel", [True, False])
def test_code_in_a_victim_runs_after_consent_alone(
    window, qtbot, folder, tmp_path, monkeypatch, make_napari_viewer, answer, attack_panel
):
    path = save_torchscript(small_network(), tmp_path)
    asked = with_victim(window, qtbot, folder, path, monkeypatch, answer)
    loads = []
    load = torch.jit.load
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: (loads.append(a), load(*a, **k))[1])
    fresh = make_napari_viewer(show=True)
    if attack_panel:
        fresh.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
        idle(qtbot, Controller.of(fresh))
        drained(qtbot)
        idle(qtbot, Controller.of(fresh))
    panel = docked(fresh)
    controller = opened(qtbot, panel)
    assert len(asked) == 1
    assert "runs code" in asked[0]
    assert len(controller.runs) == 1
    agreed = answer == QDialog.Accepted
    assert (controller.victims.source == str(path)) == agreed
    assert bool(loads) == agreed


def test_a_bundle_that_was_hashed_in_the_earlier_way_is_the_same(
    window, qtbot, folder, tmp_path, make_napari_viewer
):
    root = bundle(small_network(), tmp_path)
    panel, controller = docked(window), Controller.of(window)
    window.add_image(disc_image(), name="x-ray")
    controller.victims.load_victim(str(root))
    idle(qtbot, controller)
    saved(qtbot, panel, folder)
    said = [file for file in folder.rglob("*.json") if controller.victims.victim.sha256 in
            file.read_text()]  # fmt: skip
    for file in said:
        text = file.read_text().replace(controller.victims.victim.sha256, earlier_hash(root))
        file.write_text(text)
    assert said
    other = docked(make_napari_viewer(show=True))
    again = opened(qtbot, other)
    assert again.victims.victim is not None
    assert "has changed" not in other.status.text()


def test_a_victim_that_is_gone_or_another_one(
    window, qtbot, folder, weights_file, make_napari_viewer
):
    panel, controller = docked(window), Controller.of(window)
    layer = window.add_image(disc_image(), name="x-ray")
    controller.victims.load_victim(str(weights_file))
    idle(qtbot, controller)
    controller.attack(layer, "pgd", {"epsilon": 4.0, "steps": 1}, None, "cpu")
    idle(qtbot, controller)
    saved(qtbot, panel, folder)
    network = small_network()
    with torch.no_grad():
        next(network.parameters()).add_(1)
    torch.save(network.state_dict(), weights_file)
    other = docked(make_napari_viewer(show=True))
    controller2 = opened(qtbot, other)
    assert "has changed since the session was saved" in other.status.text()
    assert controller2.victims.victim is not None
    same_runs(controller, controller2)
    weights_file.unlink()
    third = docked(make_napari_viewer(show=True))
    controller3 = opened(qtbot, third)
    assert "model is missing" in third.status.text()
    assert controller3.victims.victim is None
    same_runs(controller, controller3)
    same_layers(controller, controller3)
    # Saved again, the session still knows what it misses.
    first = folder.rename(folder.with_name("first"))
    saved(qtbot, third, folder)
    assert open_session(folder).victim == open_session(first).victim is not None
