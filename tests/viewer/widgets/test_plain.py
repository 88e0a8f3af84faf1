"""Labels, tooltips and boxes that take no text for HTML and show of a long one both ends."""

import pytest
from controls import notices, tip_of
from foreign import HOSTILE, asked_for, faults, faults_of_rich, faults_of_tip, might_be_rich
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QLabel, QListWidget, QPushButton, QToolTip

from napari_segadv.common.screen import BREAK, MESSAGE, NAME, markup, one_line, untagged
from napari_segadv.viewer.notices import complain, tell, warn
from napari_segadv.viewer.widgets.choices import ComboBox, distinct
from napari_segadv.viewer.widgets.plain import (
    LEFT_TO_RIGHT,
    Plain,
    Rich,
    cell,
    entry,
    point_out,
    tip,
    tip_text,
)

each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


@pytest.fixture
def told():
    """What napari tells, as pairs of how grave it is and the message."""
    with notices() as seen:
        yield seen


@each
def test_a_label_shows_any_text_as_it_is(qtbot, text):
    label = Plain(text, wrap=True, lines=1, most=MESSAGE)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.PlainText
    assert faults(label.text(), MESSAGE) == []
    assert faults_of_tip(label.toolTip()) == []
    assert label.minimumSizeHint().width() < 400


def test_a_label_shows_an_ordinary_text_unchanged(qtbot):
    text = "slice 12\nchanged area 3.4 mm²,  IoU < 0.9 & > 0.8 → 0.7"
    label = Plain(text)
    qtbot.addWidget(label)
    assert label.text() == text == QLabel.text(label)
    assert label.toolTip() == ""
    tip(label, "Figures of the slice\nin view")
    assert tip_of(label) == "Figures of the slice\nin view"


def test_what_a_label_leaves_out_is_in_its_tooltip_with_its_own(qtbot):
    label = Plain(lines=1, most=MESSAGE)
    qtbot.addWidget(label)
    tip(label, "What the panel did last")
    words = " ".join(f"word{n}" for n in range(100))
    label.setText(words)
    assert label.text().startswith("word0 word1 ")
    assert label.text().endswith(" word98 word99")
    assert "…" in label.text()
    assert " ".join(tip_of(label).split()) == f"{words} What the panel did last"
    label.setText("ready")
    assert tip_of(label) == "What the panel did last"


def test_a_text_from_right_to_left_leaves_figures_in_their_order(qtbot):
    label = Plain("כבד: 12 → 14 ml")
    qtbot.addWidget(label)
    assert label.text() == "כבד: 12 → 14 ml"
    assert QLabel.text(label) == LEFT_TO_RIGHT + label.text()
    assert markup("כבד") == "\u2068כבד\u2069"


def test_names_that_need_invisible_letters_keep_them():
    persian = "\u0645\u06cc\u200c\u062e\u0648"
    assert one_line(persian) == persian
    assert one_line("niño 日本 жёлч ά") == "niño 日本 жёлч ά"


@each
def test_a_legend_escapes_names_and_loads_nothing(qtbot, text):
    label = Rich(f"<b>{markup(text)}</b>")
    qtbot.addWidget(label)
    assert faults_of_rich(label.text(), 3 * NAME) == []


def test_a_legend_loads_no_picture_even_if_a_name_is_not_escaped(qtbot, tmp_path):
    picture = QImage(300, 300, QImage.Format_RGB32)
    assert picture.save(str(tmp_path / "big.png"))
    text = f'<img src="{tmp_path / "big.png"}">'
    loading, harmless = QLabel(text), Rich(text)
    for label in (loading, harmless):
        qtbot.addWidget(label)
    assert loading.sizeHint().height() >= 300
    assert harmless.sizeHint().height() < 200


@each
def test_a_tooltip_is_one_text(qtbot, text):
    button = QPushButton("x")
    qtbot.addWidget(button)
    tip(button, text)
    assert might_be_rich(button.toolTip())
    assert faults_of_tip(button.toolTip()) == []
    tip(button, "")
    assert button.toolTip() == ""


@each
def test_a_tooltip_that_is_pointed_out_is_the_same(qtbot, text):
    button = QPushButton("x")
    qtbot.addWidget(button)
    button.show()
    with asked_for() as asked:
        point_out(button.mapToGlobal(QPoint(1, 1)), text, button)
        assert QToolTip.text() == tip_text(text)
        point_out(QPoint(), "", button)
    assert asked == []


@each
def test_cells_and_entries_are_short(qtbot, text):
    listed = QListWidget()
    qtbot.addWidget(listed)
    for item in (cell(text), cell(text, text), entry(text, listed)):
        assert faults(item.text(), NAME) == []
        assert faults_of_tip(item.toolTip()) == []
    assert listed.count() == 1


@each
def test_what_napari_tells_is_nothing_that_it_could_take_for_html(told, text):
    for how in (tell, warn, complain):
        how(f"{text}: not loaded")
    assert [grave for grave, _ in told] == ["info", "warning", "error"]
    for _, message in told:
        assert not might_be_rich(message)
        assert faults(message, MESSAGE) == []


@each
def test_a_layer_s_name_is_nothing_that_napari_could_take_for_html(text):
    assert not might_be_rich(untagged(text))
    assert faults(untagged(text), NAME) == []
    assert untagged(untagged(text)) == untagged(text)


def test_choices_of_one_name_stay_apart(qtbot):
    long = "x" * 200
    values = [object() for _ in range(5)]
    names = [long, long + "y", "a\nb", "a b", "c"]
    box = ComboBox(choices=lambda widget: list(zip(names, values, strict=True)))
    qtbot.addWidget(box.native)
    assert list(box.choices) == values
    shown = [box.native.itemText(n) for n in range(5)]
    assert len(set(shown)) == 5
    assert shown[2:] == ["a b", "a b (2)", "c"]
    assert all(len(name) <= NAME for name in shown)
    wholes = [box.native.itemData(n, Qt.ToolTipRole) or "" for n in range(5)]
    assert [bool(whole) for whole in wholes] == [True, True, True, True, False]
    assert [faults_of_tip(whole) for whole in wholes] == [[]] * 5
    box.value = values[3]
    names[4] = "d"
    box.reset_choices()
    assert box.value is values[3]
    assert box.native.itemText(4) == "d"
    assert box.native.minimumSizeHint().width() < 200


def test_choices_without_names_of_their_own_are_named_by_their_text(qtbot):
    box = ComboBox(choices=["liver", "kidney"], nullable=True)
    qtbot.addWidget(box.native)
    assert box.choices == (None, "liver", "kidney")
    assert distinct(["a", "a\n", "a", "a (2)"]) == ["a", "a (2)", "a (3)", "a (2) (2)"]


def test_a_hash_is_not_broken_for_whoever_copies_it(qtbot):
    label = Plain("sha256 " + "0123456789abcdef" * 4)
    qtbot.addWidget(label)
    assert BREAK not in label.text()
