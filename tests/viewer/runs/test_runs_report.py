"""The report of a run, by the Runs panel of a real window."""

import pytest
from clicks import click, close_dock, idle
from listing import choose
from napari._qt.dialogs.qt_notification import NapariQtNotification
from pages import Page
from qtpy.QtCore import QObject, QUrl, Slot
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_segadv.results.verdicts import Verdict


class Browser(QObject):
    """Takes the addresses that would be opened in the browser."""

    def __init__(self):
        super().__init__()
        self.opened = []

    @Slot(QUrl)
    def show(self, address):
        self.opened.append(address.toLocalFile())


@pytest.fixture
def browser(qapp):
    found = Browser()
    QDesktopServices.setUrlHandler("file", found, "show")
    yield found
    QDesktopServices.unsetUrlHandler("file")


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Where the dialog says that the report goes."""
    path = tmp_path / "my report.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    return path


def test_the_report_of_the_chosen_run_is_written_and_opened(listed, qtbot, page, browser):
    section, runs = listed.report, list(listed.controller.runs)
    assert not section.open_button.isVisible()
    listed.controller.runs.judge(runs[1], 0, Verdict("suspicious", "<b>left</b>"))
    choose(qtbot, listed, 1)
    click(qtbot, section.button)
    assert not section.button.isEnabled()
    idle(qtbot, listed.controller)
    found = Page(page)
    found.check_safe()
    # The second run, with its verdict.
    assert "no pixel may change by more than 8 grey levels" in found.text
    assert "suspicious <b>left</b>" in found.text
    assert listed.status.text() == "report of pgd 2: my report.html"
    assert browser.opened == []
    qtbot.waitUntil(section.open_button.isVisible)
    click(qtbot, section.open_button)
    assert browser.opened == [str(page)]


def test_the_message_offers_to_open_it(listed, qtbot, page, browser):
    choose(qtbot, listed, 0)
    click(qtbot, listed.report.button)
    idle(qtbot, listed.controller)

    def offers():
        return [
            button
            for message in listed.window().findChildren(NapariQtNotification)
            for button in message.findChildren(QPushButton)
            if button.text() == "Open"
        ]

    qtbot.waitUntil(lambda: bool(offers()))
    click(qtbot, offers()[0])
    assert browser.opened == [str(page)]


def test_one_run_has_to_be_chosen(listed, qtbot):
    choose(qtbot, listed, 0, 2)
    assert not listed.report.button.isEnabled()
    choose(qtbot, listed, 0)
    assert listed.report.button.isEnabled()


def test_cancelling_the_dialog_writes_nothing(listed, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    choose(qtbot, listed, 0)
    click(qtbot, listed.report.button)
    assert not listed.controller.jobs.busy
    assert list(tmp_path.glob("*.html")) == []


def test_what_can_not_be_written_is_said(listed, qtbot, page):
    page.mkdir()
    choose(qtbot, listed, 0)
    click(qtbot, listed.report.button)
    idle(qtbot, listed.controller)
    qtbot.waitUntil(lambda: "is a folder" in listed.status.text())
    assert not listed.report.open_button.isVisible()


def test_a_report_that_is_gone_can_not_be_opened(listed, qtbot, page, browser):
    choose(qtbot, listed, 0)
    click(qtbot, listed.report.button)
    idle(qtbot, listed.controller)
    qtbot.waitUntil(listed.report.open_button.isVisible)
    page.unlink()
    click(qtbot, listed.report.open_button)
    assert "can't be opened" in listed.status.text()
    assert browser.opened == []


def test_closing_the_panel_meanwhile_is_no_fault(listed, qtbot, page):
    choose(qtbot, listed, 0)
    click(qtbot, listed.report.button)
    close_dock(qtbot, listed)
    idle(qtbot, listed.controller)
    assert Page(page).text
