"""A clean prediction is computed once, and again as soon as anything that it depends on differs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_segadv import attacks, craft, load_victim
from napari_segadv.samples import phantom
from napari_segadv.victims.clean_predictions import KNOWN, MOST


@pytest.fixture
def victim():
    return load_victim("demo:chest-xray")


@pytest.fixture(scope="module")
def scan():
    whole, _ = phantom("chest-xray", 20001)
    return whole


@pytest.fixture
def passes(victim):
    """Count what goes through the network, once the network is known to repeat itself."""
    victim.predict(phantom("chest-xray", 20002)[0])
    seen = []
    victim.network.register_forward_hook(lambda *_: seen.append(1))
    return seen


def test_an_image_is_predicted_once(victim, scan, passes):
    first = victim.predict(scan)
    assert len(passes) == 1
    again = victim.predict(replace(scan, array=scan.array.copy()))
    assert len(passes) == 1
    assert (again.array == first.array).all()
    assert again.classes == first.classes


def test_who_changes_a_prediction_changes_their_own(victim, scan):
    first = victim.predict(scan)
    kept = first.array.copy()
    first.array[:] = 0
    second = victim.predict(scan)
    assert (second.array == kept).all()
    second.array[:] = 1
    assert (victim.predict(scan).array == kept).all()


@pytest.mark.parametrize("what", ["pixel", "present", "grid", "weights", "victim"])
def test_it_is_computed_again_if_anything_differs(victim, scan, passes, what):
    victim.predict(scan)
    present = "auto"
    if what == "pixel":
        array = scan.array.copy()
        array[0, 0] += 1
        scan = replace(scan, array=array)
    elif what == "present":
        present = "20:200"
    elif what == "grid":
        spaced = replace(scan.grid, spacing=(2.0, 1.0), physical=True)
        scan = replace(scan, grid=spaced)
    elif what == "weights":
        with torch.no_grad():
            next(victim.network.parameters()).mul_(0.5)
    else:
        victim = replace(victim)
    victim.predict(scan, present=present)
    assert len(passes) == 2


def test_a_network_without_a_file_is_asked_each_time(victim, scan, passes):
    own = replace(victim, sha256="")
    own.predict(scan)
    own.predict(scan)
    assert len(passes) == 2


def test_the_oldest_is_forgotten(victim, passes):
    scans = [phantom("chest-xray", 20010 + n)[0] for n in range(MOST + 1)]
    for scan in scans:
        victim.predict(scan)
    victim.predict(scans[-1])
    assert len(passes) == MOST + 1
    victim.predict(scans[0])
    assert len(passes) == MOST + 2


def test_a_large_prediction_is_not_kept(victim, scan, passes, monkeypatch):
    monkeypatch.setattr("napari_segadv.victims.clean_predictions.LARGEST", 1000)
    victim.predict(scan)
    victim.predict(scan)
    assert len(passes) == 2


def test_attacks_on_one_image_share_its_prediction(victim, scan, passes):
    target = np.zeros(scan.grid.shape, np.uint8)
    method = attacks.PGD(steps=1)
    first = craft(scan, victim, method, target=target)
    before = len(passes)
    second = craft(scan, victim, method, target=target)
    assert len(passes) - before == before - 1
    assert (first.adversarial.array == second.adversarial.array).all()
    assert (first.prediction_clean.array == second.prediction_clean.array).all()
    assert first.record["passes"] == second.record["passes"]
    assert first.notes == second.notes


def test_nothing_is_kept_of_a_victim_that_is_gone(victim, scan):
    import gc

    gc.collect()
    before = len(KNOWN._kept)
    gone = replace(victim)
    gone.predict(scan)
    assert len(KNOWN._kept) == before + 1
    del gone
    gc.collect()
    assert len(KNOWN._kept) == before
