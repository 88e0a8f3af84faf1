"""Window presets of a reading room, and their keys."""

import pytest

from napari_segadv.data.window_presets import FULL, PRESETS, numbered, presets_for

CT, XRAY = presets_for("HU", (-1024.0, 3071.0)), presets_for("grey level", (0.0, 255.0))


@pytest.mark.parametrize("presets", [CT, XRAY], ids=["ct", "x-ray"])
def test_the_full_range_has_the_same_key_for_every_image(presets):
    keys = {preset.name: number for number, preset in numbered(presets)}
    assert keys["full range"] == FULL == 7


def test_the_keys_of_a_ct():
    assert [number for number, _ in numbered(CT)] == [1, 2, 3, 4, 5, 6, 7]
    assert [preset for _, preset in numbered(CT)] == list(CT)
    assert {number: preset.name for number, preset in numbered(CT)}[4] == "brain"


def test_an_x_ray_has_its_full_range_alone():
    ((number, preset),) = numbered(XRAY)
    assert number == 7
    assert preset.limits == (0.0, 255.0)


def test_no_image_has_no_keys():
    assert numbered(()) == []


def test_no_preset_of_a_ct_is_the_full_range():
    assert "full range" not in {preset.name for preset in PRESETS}
    assert len(PRESETS) < FULL
