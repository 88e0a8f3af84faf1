"""Programs that are given several files an image: the channels of MRI sequences or CT phases."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import disc_image
from programs import described, question_of, trusted

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.attacks import Square
from napari_segadv.data.scan import Scan, Storage
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim

pytestmark = pytest.mark.usefixtures("scratch")

THRESHOLDS = (95, 155)
JOINED = Path(__file__).with_name("joined.py")
NUMBERED = ["{input_1}", "{input_2}", "{output}"]
FOLDERS = ["{input_folder}", "{output_folder}"]


def joined(folder, places=NUMBERED, **more):
    """Describe the program of two channels beside a copy of it; return the description's path."""
    (folder / "joined.py").write_bytes(JOINED.read_bytes())
    given = {
        "command": [sys.executable, "joined.py", *places],
        "channels": ["FLAIR", "T1"],
        "input": "{name}_{channel}.nii",
        "output": "{name}.nii",
        "window": [[0, 255], [-100, 900]],
        **more,
    }
    return described(folder, **given)


def two(spacing=None, depth=None) -> Scan:
    """A disc of whole numbers, and one of floats in other intensities."""
    flair = disc_image().astype(np.int16)
    t1 = disc_image(seed=3).astype(np.float32) * 2.5 - 100
    if depth:
        flair, t1 = (
            np.stack([one + dtype(3 * z) for z in range(depth)])
            for one, dtype in ((flair, np.int16), (t1, np.float32))
        )
    return Scan.of_parts([Scan.from_array(one, spacing) for one in (flair, t1)])


def expected(scan) -> np.ndarray:
    return np.digitize(scan.array[..., 0] + scan.array[..., 1] / 10, THRESHOLDS)


@pytest.mark.parametrize("places", [NUMBERED, FOLDERS], ids=["numbered", "folders"])
def test_each_channel_is_a_file(tmp_path, places):
    scan = two()
    victim = trusted(joined(tmp_path, places))
    assert (victim.channels, victim.channel_names) == (2, ("FLAIR", "T1"))
    bound = victim.on(scan)
    found = bound.predict().array
    assert len(np.unique(found)) == 3
    np.testing.assert_array_equal(found, expected(scan))
    assert bound.passes.calls == 1


@pytest.mark.parametrize(("places", "calls"), [(NUMBERED, 4), (FOLDERS, 1)])
def test_slices_of_a_volume(tmp_path, places, calls):
    scan = two((3.0, 0.9, 0.8), depth=4)
    bound = trusted(joined(tmp_path, places)).on(scan)
    np.testing.assert_array_equal(bound.predict().array, expected(scan))
    assert bound.passes.calls == calls


def test_a_volume(tmp_path):
    scan = two((3.0, 0.9, 0.8), depth=4)
    victim = trusted(joined(tmp_path, dims=3))
    np.testing.assert_array_equal(victim.predict(scan).array, expected(scan))


def test_the_program_sees_what_the_files_will_hold(tmp_path):
    scan = two()
    bound = trusted(joined(tmp_path)).on(scan)
    images = bound.image + torch.tensor([0.4, 9.0]).view(1, 2, 1, 1)
    # Whole numbers in the first file: 0.4 is nothing there. The second holds floats.
    rounded, exact = (
        expected(replace(scan, array=scan.array + np.array([first, 9.0]))) for first in (0, 0.4)
    )
    assert (rounded != exact).any()
    np.testing.assert_array_equal(bound.predict(images).array, rounded)


def test_a_search_changes_one_channel_and_keeps_to_its_window(tmp_path):
    scan = two()
    victim = trusted(joined(tmp_path))
    target = victim.predict(scan).array.copy()
    target[:, 32:][target[:, 32:] == 2] = 1
    attack = Square(epsilon=10.0, steps=8, goal=None)
    example = sa.craft(scan, victim, attack, target=target, channels=["T1"])
    noise = example.adversarial.array.astype(np.float64) - scan.array
    assert not noise[..., 0].any()
    # A tenth of its window, which is 1,000 wide.
    assert 50 < np.abs(noise[..., 1]).max() <= 100
    assert [(one.name, one.window) for one in example.channels] == [
        ("FLAIR", (0, 255)),
        ("T1", (-100, 900)),
    ]
    example.save(tmp_path / "result")
    files = sorted((tmp_path / "result").glob("adversarial_*"))
    assert len(files) == 2
    again = sa.read(files)
    np.testing.assert_array_equal(victim.predict(again).array, example.prediction_adversarial.array)


def test_one_window_for_all_or_none(tmp_path):
    scan = two()
    one = trusted(joined(tmp_path, window=[-300, 900])).on(scan)
    assert one.windows == ((-300, 900), (-300, 900))
    none = trusted(joined(tmp_path, window=None)).on(scan)
    assert none.windows == tuple(part.bounds for part in scan.parts)


def test_one_channel_by_name_is_an_image_of_one_file(tmp_path):
    command = [sys.executable, "program.py", *FOLDERS]
    more = {"channels": ["CT"], "input": None, "output": "{name}.nii.gz", "window": [[0, 255]]}
    victim = trusted(described(tmp_path, command=command, **more))
    image = Scan.from_array(disc_image())
    bound = victim.on(image)
    np.testing.assert_array_equal(bound.predict().array, np.digitize(image.array, THRESHOLDS))
    assert bound.window == (0, 255)


BAD = [
    ({"channels": []}, '"channels" must name 1 to 16 channels'),
    ({"channels": ["a", "a"]}, "each once"),
    ({"channels": ["a", ""]}, "must name"),
    ({"channels": ["a", 2]}, "list of strings"),
    ({"channels": [str(n) for n in range(17)]}, "1 to 16"),
    ({"channels": 2}, "1 or 3 or a list of names"),
    ({"channels": True}, "1 or 3 or a list of names"),
    ({"channels": 3}, "{input_2}, but an image has one file"),
    ({"channels": ["a", "b", "c"], "window": None, "places": ["{input}"]}, "has 3 files; use"),
    ({"places": ["{input_1}", "{input_3}"]}, "{input_3}, but an image has 2 files"),
    ({"places": ["{input_0}"]}, "{input_0}, but an image has 2 files"),
    ({"places": []}, "must hold {input} or {input_folder}"),
    ({"input": "{name}.nii"}, '"input" must hold {channel}'),
    ({"window": [[0, 1]]}, '"window" lists 1, but "channels" names 2'),
    ({"window": [[0, 1], [2, 1]]}, "lower end first"),
    ({"window": [[0, 1], 5]}, "list of 2 numbers"),
    ({"channels": 1, "places": ["{input}"]}, '"window" lists 2, but "channels" names none'),
    ({"channels": 3, "window": None, "places": ["{input}"]}, "3 stands for the colours"),
]


@pytest.mark.parametrize(("change", "says"), BAD, ids=[str(c)[:50] for c, _ in BAD])
def test_a_wrong_description_is_one_line_before_any_question(tmp_path, change, says):
    places = change.pop("places", None)
    places = NUMBERED if places is None else [*places, "{output}"]
    with pytest.raises(SegadvError) as caught:
        load_victim(joined(tmp_path, places, **change))
    assert not isinstance(caught.value, NeedsTrust)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_images_of_other_kinds_are_refused(tmp_path):
    several = trusted(joined(tmp_path))
    with pytest.raises(SegadvError, match=r"needs 2 channels \(FLAIR, T1\).*grey scale"):
        several.predict(Scan.from_array(disc_image()))
    three = trusted(joined(tmp_path, channels=["a", "b", "c"], window=None, name="three.yaml"))
    colours = Scan.from_array(np.stack([disc_image()] * 3, axis=-1), colour=True)
    with pytest.raises(SegadvError, match=r"a file for each of its channels \(a, b, c\)"):
        three.predict(colours)
    parts = Scan.of_parts([Scan.from_array(disc_image(seed=n)) for n in range(3)])
    with pytest.raises(SegadvError, match='list their names as "channels"'):
        trusted(described(tmp_path, channels=3)).predict(parts)


def test_a_channel_that_its_format_can_not_hold(tmp_path):
    victim = trusted(joined(tmp_path, input="{name}_{channel}.png", window=None))
    with pytest.raises(SegadvError, match=r"can't be written as \{name\}_\{channel\}\.png"):
        victim.predict(two())


def test_the_question_shows_each_place(tmp_path):
    runs = question_of(joined(tmp_path)).runs
    assert runs[3:] == ("argument 2: {input_1}", "argument 3: {input_2}", "argument 4: {output}")


def test_files_are_written_in_their_own_storage(tmp_path):
    """The files that the program is given, copied by it where the test can see them."""
    seen = tmp_path / "seen"
    seen.mkdir()
    path = joined(tmp_path, dims=3)
    script = tmp_path / "joined.py"
    copy = f"import shutil, sys\nfor p in sys.argv[1:-1]:\n    shutil.copy(p, {str(seen)!r})\n"
    script.write_text(f"{copy}\n{JOINED.read_text()}")
    scan = two((3.0, 0.9, 0.8), depth=2)
    trusted(path).predict(scan)
    names = ["case0000_0000.nii", "case0000_0001.nii"]
    assert sorted(one.name for one in seen.iterdir()) == names
    for name, part in zip(names, scan.parts, strict=True):
        stored = io.read(seen / name)
        assert stored.storage == Storage(part.storage.dtype)
        np.testing.assert_array_equal(stored.array, part.array)
