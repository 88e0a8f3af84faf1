"""The demo without a window: the network draws the heart, and the output says where to look."""

import json
import os
import subprocess
import sys
from pathlib import Path

from napari_segadv import io


def test_headless(tmp_path):
    segadv = Path(sys.executable).parent / "segadv"
    command = [segadv, "demo", "--headless", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert f"look at {tmp_path / 'out' / 'figure.png'}" in done.stdout
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["succeeded"]
    assert result["measures"]["linf"] <= result["budget"]["epsilon"]
    adversarial = io.read(tmp_path / "out" / "adversarial.png")
    assert adversarial.array.shape == (512, 512)


def test_without_a_display_it_runs_without_a_window(tmp_path):
    segadv = Path(sys.executable).parent / "segadv"
    bare = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [segadv, "demo"], capture_output=True, text=True, check=True, cwd=tmp_path, env=bare
    )
    assert "demo-output" in done.stdout
    assert (tmp_path / "demo-output" / "figure.png").is_file()
