"""The question about code in a real window: all of it, as it would run, with buttons in reach."""

from pathlib import Path

import pytest
from foreign import HOSTILE, asked_for, looked_at
from modal import answered
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox

from napari_segadv.common.screen import as_code
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims.loading.consent import remember, remembered, require
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.widgets.dialogs import ask_trust
from napari_segadv.viewer.widgets.plain import Plain
from napari_segadv.viewer.widgets.trust_question import AGAIN, TrustQuestion

SHA256 = "a" * 64
# Five expressions that try to be read as something else, and a piece of what the list must show.
NASTY = {
    "markup": ("$open('x') or '<h1>Safe</h1><br><!--'", "<h1>Safe</h1><br><!--"),
    "turned around": ("$0 or '\u202e)0(evas'", "\\u202e)0(evas"),
    "after a comment": ("$(0 # harmless\n or __import__('os').system('x'))", "\\n or __import__"),
    "another alphabet": ("$t\u043erch.float32", "$t\\u043erch.float32"),
    "far to the right": (f"$0{' ' * 9000}or evil()", "\\x20or evil()"),
    "another piece": (f"$evil() or '{' ' * 60}3. a TorchScript program'", "\\x203. a TorchScript"),
}


def question(*runs, path="/models/net"):
    return NeedsTrust(path, SHA256, runs)


@pytest.fixture
def dialog(qtbot, request):
    shown = TrustQuestion(None, request.param)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    return shown


@pytest.mark.parametrize("name", NASTY)
def test_nasty_code_is_shown_as_what_it_is(qtbot, name):
    run, shown = NASTY[name]
    asked = question("network_def: first", f"network_def::out: {run}", "inferer: last")
    with asked_for() as pictures:
        dialog = TrustQuestion(None, asked)
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        dialog.grab()
    assert pictures == []
    text = dialog.list.toPlainText()
    assert text.split("\n\n") == [f"{n}. {as_code(one)}" for n, one in enumerate(asked.runs, 1)]
    assert text.isascii()
    assert shown in text
    # What is shown can be turned back into the code, so nothing of it is left out.
    written = text.split("\n\n")[1].removeprefix("2. ")
    assert written.encode("ascii").decode("unicode_escape") == asked.runs[1]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_path_changes_nothing(qtbot, name):
    dialog = TrustQuestion(None, question(f"network_def: {name}", path=f"/models/{name}"))
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    assert looked_at(dialog) == []
    in_reach(dialog)


def in_reach(dialog):
    """The window and its buttons lie on the screen."""
    room = dialog.screen().availableGeometry()
    assert dialog.width() <= room.width()
    assert dialog.height() <= room.height()
    for kind in (QDialogButtonBox.Yes, QDialogButtonBox.No):
        button = dialog.buttons.button(kind)
        assert button.isVisible()
        assert not button.visibleRegion().isEmpty()
        assert dialog.rect().contains(button.mapTo(dialog, button.rect().bottomRight()))


MANY = question(*(f"network_def::{n}: $evil({n})" for n in range(400)))
LONG = question("network_def: $" + "x" * 20_000, path="/" + "folder/" * 200 + "net")


@pytest.mark.parametrize("dialog", [MANY, LONG, question("one")], indirect=True)
def test_the_list_scrolls_and_the_buttons_stay_in_reach(dialog):
    in_reach(dialog)
    bar = dialog.list.verticalScrollBar()
    long = len(dialog.list.toPlainText()) > 1000
    assert (bar.maximum() > 0) == long
    assert dialog.list.isReadOnly()
    assert dialog.list.horizontalScrollBar().maximum() == 0


@pytest.mark.parametrize("key", [Qt.Key_Return, Qt.Key_Escape])
def test_no_is_the_default(qtbot, key):
    with answered(qtbot, TrustQuestion, lambda dialog: qtbot.keyClick(dialog, key)):
        assert not ask_trust(None, question("one"))


@pytest.mark.parametrize("before", ["/models/net", "/models/other"])
def test_who_has_agreed_before_is_told_why_it_is_asked_again(qtbot, before):
    remember("b" * 64, Path(before))
    said = []

    def refuse(dialog):
        said.extend(label.text() for label in dialog.findChildren(Plain))
        dialog.reject()

    with answered(qtbot, TrustQuestion, refuse):
        ask_trust(None, question("one"))
    assert (AGAIN in said) == (before == "/models/net")


def test_an_agreement_is_remembered_once_it_is_loaded(window, qtbot, tmp_path):
    from clicks import idle
    from helpers import describe, save_torchscript, small_network

    victims = Controller.of(window).victims
    path = save_torchscript(small_network(), tmp_path)
    describe(path, classes=["background", "a", "b"], dims=2)
    asked = []
    Controller.of(window).jobs.trust_asked.connect(asked.append)
    victims.load_victim(str(path))
    idle(qtbot, Controller.of(window))
    path.write_bytes(path.read_bytes()[:2000])
    # Another question now: the file has changed. It can't be loaded either.
    victims.consent(asked[0])
    idle(qtbot, Controller.of(window))
    assert remembered() == {}
    victims.consent(asked[1])
    idle(qtbot, Controller.of(window))
    assert remembered() == {}
    save_torchscript(small_network(), tmp_path)
    victims.consent(asked[0])
    idle(qtbot, Controller.of(window))
    assert remembered() == {asked[0].sha256: str(path)}


def test_more_than_a_question_can_show_is_refused(tmp_path):
    for runs in (["x" * 30_000], ["x"] * 1000):
        with pytest.raises(SegadvError, match="more code than a question can show") as caught:
            require(tmp_path, SHA256, runs, SHA256)
        assert not isinstance(caught.value, NeedsTrust)
