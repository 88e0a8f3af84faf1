"""Labels of several lines in a real panel: all are in sight, also beside a scroll bar."""

from clicks import drained

from napari_segadv.viewer.widgets.layout import Column
from napari_segadv.viewer.widgets.plain import Plain

# Heights of the window: beside some of these panels, a scroll bar just appears.
HEIGHTS = range(640, 1000, 20)
BUDGET = "grey level: 2 % of the model's window (255)"


def cut_off(panel):
    """The wrapped labels in sight that are lower than their lines, with both heights."""
    labels = [x for x in panel.findChildren(Plain) if x.isVisible() and x.wordWrap() and x.text()]
    assert labels
    needed = {x: x.heightForWidth(x.width()) for x in labels}
    return {x.text(): (x.height(), needed[x]) for x in labels if x.height() < needed[x]}


def test_every_line_of_the_attack_panel_is_in_sight(window, ready, qtbot):
    faults, scrolled = {}, set()
    for expert in (False, True):
        ready.expert.setChecked(expert)
        for method in ("pgd", "least") if expert else ("pgd",):
            ready.attack_section.method.value = method
            # Wide enough for one line, but not beside a scroll bar.
            ready.attack_section.budget.share.setText(BUDGET)
            for height in HEIGHTS:
                window.window.resize(1280, height)
                drained(qtbot)
                scrolled.add(ready.findChild(Column).verticalScrollBar().isVisible())
                if found := cut_off(ready):
                    faults[expert, method, height] = found
    assert scrolled == {False, True}
    assert faults == {}
