"""How tests meet dialogs: late ones are answered, and none holds a test up for good."""

import pytest
from modal import answered, none_left_standing
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QDialog, QInputDialog, QMessageBox

SOON_OVER = 0.3


def ask():
    """A question, which may only be answered by its buttons."""
    box = QMessageBox()
    box.setText("May it run?")
    box.setStandardButtons(QMessageBox.Yes | QMessageBox.No)
    return box.exec()


def agree(box):
    box.button(QMessageBox.Yes).click()


def test_a_question_is_answered(qtbot):
    with answered(qtbot, QMessageBox, agree):
        assert ask() == QMessageBox.Yes


def test_so_is_one_that_comes_later(qtbot):
    said = []
    with answered(qtbot, QMessageBox, agree):
        QTimer.singleShot(0, lambda: said.append(ask()))
        assert said == []
    assert said == [QMessageBox.Yes]


def test_one_that_does_not_come_is_missed(qtbot):
    missed = pytest.raises(pytest.fail.Exception, match="QInputDialog did not come within 0.3 s$")
    with missed, answered(qtbot, QInputDialog, print, patience=SOON_OVER):
        pass


def test_another_dialog_in_its_place_is_closed(qtbot):
    said = "QInputDialog did not come within 0.3 s; closed QMessageBox 'May it run.'"
    missed = pytest.raises(pytest.fail.Exception, match=said)
    with missed, answered(qtbot, QInputDialog, print, patience=SOON_OVER):
        ask()


def test_one_that_stays_is_closed(qtbot):
    stays = pytest.raises(pytest.fail.Exception, match="QMessageBox was answered but stays")
    with stays, answered(qtbot, QMessageBox, lambda box: None, patience=SOON_OVER):
        ask()


def test_a_fault_in_an_answer_closes_it(qtbot):
    fault = pytest.raises(pytest.fail.Exception, match="was not answered: KeyError")
    with fault, answered(qtbot, QMessageBox, lambda box: {}["yes"]):
        ask()


def test_one_that_nobody_answers_is_closed(qtbot, capfd):
    dialog = QDialog()
    dialog.setWindowTitle("Nobody is here")
    said = "nobody closed QDialog 'Nobody is here' for 0.3 s"
    with pytest.raises(pytest.fail.Exception, match=said), none_left_standing(SOON_OVER):
        dialog.exec()
    assert "in test_one_that_nobody_answers_is_closed" in capfd.readouterr().err
