"""Tooltips of the attack's parameters: in the units of the image that is chosen."""

from controls import pick, tip_of
from qtpy.QtWidgets import QFormLayout

from napari_segadv.common.parameters import IMAGE_UNITS, parameters
from napari_segadv.viewer.layers.convert import image_tuple


def label_of(native):
    """The name beside an editor of a form."""
    form = native.parentWidget().layout()
    assert isinstance(form, QFormLayout)
    return form.labelForField(native)


def check_units(section, units):
    """Looks at every parameter of the chosen attack; returns those in the image's units."""
    found = []
    for parameter in parameters(section.attacks[section.method.value]):
        if parameter.name not in section.form.editors:
            continue
        editor = section.form.editors[parameter.name]
        native = getattr(editor, "native", editor)
        tips = [" ".join(tip_of(one).split()) for one in (native, label_of(native))]
        if parameter.param.unit == IMAGE_UNITS:
            found.append(parameter.name)
            assert all(tip.startswith(f"{parameter.param.doc} [{units}]") for tip in tips)
            assert label_of(native).text().endswith(f" ({units})")
        else:
            assert not any(units in tip for tip in tips)
    return found


def test_tooltips_name_the_units_of_the_image_that_is_chosen(window, ready, qtbot, ct):
    section = ready.attack_section
    data, keywords, _ = image_tuple(ct, "ct")
    window.add_image(data, **keywords)
    # Beside the first image nothing changes until another is chosen.
    for image, units in (("xray", "grey level"), ("ct", "HU"), ("xray", "grey level")):
        pick(qtbot, ready.image, image)
        assert section.budget.share.text().startswith(f"{units}: ")
        found = {}
        for method in section.method.choices:
            section.method.value = method
            found[method] = check_units(section, units)
        assert found["pgd"] == ["step_size"]
        assert found["dag"] == ["gamma"]
        assert found["deform"] == ["intensity"]
        section.method.value = "pgd"


def test_units_change_under_a_form_and_what_was_typed_stays(window, ready, qtbot, ct):
    section = ready.attack_section
    section.form.editors["steps"].value = 17
    form = section.form
    data, keywords, _ = image_tuple(ct, "ct")
    assert check_units(section, "grey level") == ["step_size"]
    # An image that is opened is the chosen one.
    window.add_image(data, **keywords)
    assert section.form is form
    assert check_units(section, "HU") == ["step_size"]
    assert section.values()["steps"] == 17
    window.layers.remove("ct")
    assert check_units(section, "grey level") == ["step_size"]
