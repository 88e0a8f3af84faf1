"""napari takes names of layers, classes and files for HTML. For napari's developers; prints what.

The tooltips of the list of layers, the status bar and the notifications are labels that guess
whether their text is HTML (Qt.AutoText). A layer or a class of that name, or an error that quotes a
file, can have a picture loaded from any path, which blocks the window if it is a slow share or a
pipe, and can look like a message of napari's. `setTextFormat(Qt.PlainText)` on the labels, and
`html.escape` in `QtLayerListModel.data` for the tooltips, would be enough (napari 0.9.2).

Run: python benchmarks/napari_html.py, or without a screen
xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/napari_html.py
"""

import napari
import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import QEventLoop, QPoint, Qt, QTimer
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QToolTip

# No file: Qt asks the program for what it does not find, so that we hear of it.
NAME = '<img src="file:///no/picture.png">'


def rest(milliseconds: int = 300) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def main() -> None:
    asked: list[str] = []
    QTextDocument.setDefaultResourceProvider(lambda url: asked.append(url.toString()))
    viewer = napari.Viewer()
    window = viewer.window._qt_window

    def report(what: str) -> None:
        rest()
        print(f"{what}: {'a picture is asked for' if asked else 'plain text'}")
        asked.clear()

    viewer.add_image(np.zeros((8, 8)), name=NAME)
    model = viewer.window._qt_viewer.layers.model()
    QToolTip.showText(window.mapToGlobal(QPoint(9, 9)), model.index(0, 0).data(Qt.ToolTipRole))
    report("tooltip of a layer")
    QToolTip.hideText()
    viewer.status = viewer.layers[0].get_status((1, 1))
    report("status bar, name of a layer")
    features = {"index": [0, 1], "class": ["", NAME]}
    labels = viewer.add_labels(np.ones((8, 8), int), name="labels", features=features)
    viewer.status = labels.get_status((1, 1))
    report("status bar, name of a class")
    show_info(f"{NAME}: not loaded")
    report("notification")
    viewer.close()


if __name__ == "__main__":
    main()
