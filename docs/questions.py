"""Draw the questions of docs/consent.md in a real window: python docs/questions.py

Without a screen: xvfb-run -a -s "-screen 0 1600x1000x24" python docs/questions.py
"""

import logging

from qtpy.QtWidgets import QApplication
from screenshots import save

from napari_segadv.errors import NeedsTrust
from napari_segadv.viewer.widgets.trust_question import TrustQuestion

SHA256 = "9f2c1d6a" * 8
PLACE = "network_def::out_channels"
# What hostile files do to be read as something else, by the name of the picture.
QUESTIONS = {
    "markup": (
        "/models/<h1>Safe</h1><img src=x>",
        [f"{PLACE}: $open('/home/me/.ssh/id') or '<h1>This model is safe.</h1><br><!--'"],
    ),
    "turned": (
        "/models/spleen\u202etp.ledom",
        [f"{PLACE}: $2 or '\u202e\u2066 # nothing' and __import__('os').system('x')"],
    ),
    "comment": (
        "/models/spleen",
        [f"{PLACE}: $(2 # the number of classes\n and __import__('os').system('x') or 2)"],
    ),
    "alphabet": (
        "/models/spleen",
        [
            f"{PLACE}: $t\u043erch.float32 and 2",
            "imports::7: $from scripts.t\u043ech import dtypes as t\u043erch",
        ],
    ),
    "reader": (
        "/models/spleen",
        [
            f"{PLACE}: $@loader and 2",
            "loader: _target_ LoadImage",
            "loader::reader: 'scripts.reader.Reader'",
            "loader::image_only: True",
            *(f"network_def::norm::1::x{n}: $0.{n}.real" for n in range(40)),
        ],
    ),
}


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    application = QApplication([])
    for name, (path, runs) in QUESTIONS.items():
        dialog = TrustQuestion(None, NeedsTrust(path, SHA256, tuple(runs)))
        dialog.resize(dialog.width(), 330)
        dialog.show()
        application.processEvents()
        save(dialog, f"question-{name}")
        dialog.close()


if __name__ == "__main__":
    main()
