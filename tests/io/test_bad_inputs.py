"""Bad inputs: each ends in one true line, within seconds, in little memory, and writes nothing."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import bad_files
import pytest
from helpers import PATIENCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_segadv import io
from napari_segadv.errors import SegadvError

# Seconds and bytes that refusing a file may take. Nothing here holds an image of more than a few
# megabytes, but for two of 400 MB that compression hides in a small file.
SLOW, MUCH = 10, 1 << 30
LARGE = {"flat-bomb.tif": 3 * 400 << 20, "bomb.png": 1 << 30, "lie.png": 1 << 30}

# Runs in a process of its own, which a file might end, and whose memory can be measured.
READER = """
import json, sys, time
from pathlib import Path
from napari_segadv import io
from napari_segadv.errors import SegadvError

def peak(reset=False):
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        text = Path("/proc/self/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) << 10
    except OSError:
        return 0

for line in sys.stdin:
    name = json.loads(line)
    for read in (io.read, io.read_mask):
        before, start, said = peak(reset=True), time.process_time(), ""
        try:
            read(name)
        except SegadvError as error:
            said = str(error)
        took = time.process_time() - start
        print(json.dumps([name, read.__name__, said, took, peak() - before]), flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What reading each file said, how long it took and how much memory."""
    folder = tmp_path_factory.mktemp("bad")
    expected = bad_files.corpus(folder)
    before = sorted(folder.rglob("*"))
    lines = "".join(json.dumps(str(folder / name / name)) + "\n" for name in expected)
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input=lines,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=2 * PATIENCE,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    answered = {(Path(name).name, how): rest for name, how, *rest in found}
    missing = [name for name in expected if (name, "read_mask") not in answered]
    assert done.returncode == 0, f"{missing[:1]}: {done.returncode}, {done.stderr[-900:]}"
    written = sorted(set(folder.rglob("*")) - set(before))
    return expected, answered, done.stderr, written


NAMES = [
    *(name for maker in (bad_files.niftis, bad_files.volumes) for name, _, _ in maker()),
    *(name for maker in (bad_files.photographs, bad_files.tiffs) for name, _, _ in maker()),
]


def check(answers, name, how):
    said, took, memory = answers[1][name, how]
    assert took < SLOW, f"{took:.1f} s"
    assert memory < LARGE.get(name, MUCH), f"{memory >> 20} MB"
    if not said:
        return ""
    assert "\n" not in said
    assert f"{name}: " in said
    assert len(said) < 700
    return said


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_ends_in_its_line(answers, name):
    said = check(answers, name, "read")
    assert said, "it was read"
    assert "report it" not in said
    assert re.search(answers[0][name], said), said
    if bad_files.CUT in said:
        asked = answers[0][name]
        assert re.search("complete|ends before", asked), f"it is not truncated: {said}"
    check(answers, name, "read_mask")


def test_bad_dicom_files_end_in_a_line(answers):
    """What they say, and which are read, is for the tests of DICOM to see."""
    names = [name for name in answers[0] if name.endswith(".dcm")]
    assert len(names) >= 25
    for name in names:
        check(answers, name, "read")
        check(answers, name, "read_mask")


def test_reading_writes_nothing(answers):
    assert answers[2] == "", "a library writes to the terminal"
    assert answers[3] == []


def test_there_are_enough_of_them(answers):
    assert len(answers[0]) >= 240


GOOD = {
    ".nii": bad_files.nifti(),
    "2.nii": bad_files.nifti(second=True),
    ".nrrd": bad_files.nrrd(),
    ".mha": bad_files.meta(),
    ".png": bad_files.png(),
    ".jpg": bad_files.JPEG,
    ".tif": bad_files.tiff(),
    "big.tif": bad_files.tiff(big=True),
    "two.tif": bad_files.imagej("ImageJ=1.5\nimages=1\n"),
}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4
)


@pytest.mark.parametrize("kind", GOOD)
@settings(
    max_examples=120,
    deadline=SLOW * 1000,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES, early=st.booleans(), keep=st.floats(0, 1))
def test_any_change_is_read_or_refused_in_a_line(tmp_path, kind, changes, early, keep):
    """Bytes are changed anywhere, or in the first 400, where headers are; then the end is cut."""
    blob = bytearray(GOOD[kind])
    reach = min(len(blob), 400) if early else len(blob)
    for place, new in changes:
        start = int(place * reach)
        blob[start : start + len(new)] = new
    if keep < 0.5:
        del blob[int(2 * keep * len(blob)) :]
    path = tmp_path / f"x{kind}"
    path.write_bytes(blob)
    for read in (io.read, io.read_mask):
        try:
            read(path)
        except SegadvError as error:
            # No error of a library that nobody foresaw.
            if error.__cause__ is not None:
                raise


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".png", ".jpg", ".tif"])
@settings(
    max_examples=60,
    deadline=SLOW * 1000,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=600))
def test_any_bytes_are_refused_in_a_line(tmp_path, ending, content):
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(SegadvError) as caught:
        io.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha", ".png", ".jpg", ".tif", ".hdr"])
@pytest.mark.parametrize("kind", GOOD)
def test_a_file_by_the_name_of_another_kind(tmp_path, ending, kind):
    path = tmp_path / f"x{ending}"
    path.write_bytes(GOOD[kind])
    photographs = (".png", ".jpg", ".tif")
    if kind.endswith(ending) or (kind.endswith(photographs) and ending in photographs):
        io.read(path)
        return
    with pytest.raises(SegadvError) as caught:
        io.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert bad_files.CUT not in str(caught.value)
