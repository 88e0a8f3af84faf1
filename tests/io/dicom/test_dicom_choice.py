"""Which files of a folder, a disc or a series an image is made of, and how one is chosen."""

import os

import numpy as np
import pytest
from dicoms import image, save, slices
from pydicom.fileset import FileSet
from pydicom.uid import generate_uid

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom import choice, files

RNG = np.random.default_rng(7)
VOLUME = RNG.integers(0, 3000, (5, 12, 10)).astype(np.uint16)
HU = VOLUME.astype(int) - 1024
XRAY = RNG.integers(0, 4095, (20, 16)).astype(np.uint16)
OF_A_SERIES = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}


def refusal(place) -> str:
    with pytest.raises(SegadvError) as caught:
        io.read(place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("modality", ["DX", "CR", "MG", "SC", "XA", "US"])
@pytest.mark.parametrize("other", [XRAY[::-1], XRAY[:15]], ids=["same size", "other size"])
def test_two_views_of_one_series_are_two_images(tmp_path, modality, other):
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    pa = image(XRAY, modality, 12, ViewPosition="PA", **OF_A_SERIES, **place)
    place["ImagePositionPatient"] = [0, 0, 3]
    side = image(other, modality, 12, ViewPosition="LL", InstanceNumber=2, **OF_A_SERIES, **place)
    save(pa, tmp_path / "a.dcm")
    save(side, tmp_path / "b.dcm")
    np.testing.assert_array_equal(io.read(tmp_path / "a.dcm").array, XRAY)
    np.testing.assert_array_equal(io.read(tmp_path / "b.dcm").array, other)
    said = refusal(tmp_path)
    assert (
        f"holds 2 images; choose one by {tmp_path}::NUMBER: 1 = {modality}, series 1, 1 image of"
        in said
    )
    assert ", PA" in said
    assert ", LL" in said
    arrays = [io.read(f"{tmp_path}::{n}").array for n in (1, 2)]
    assert {a.tobytes() for a in arrays} == {XRAY.tobytes(), other.tobytes()}


def test_one_of_several_is_chosen_by_number_uid_or_description(tmp_path):
    slices(tmp_path, VOLUME, SeriesDescription="thin", names="a{}.dcm")
    thick = {"SeriesInstanceUID": generate_uid(), "SeriesDescription": "thick", "SeriesNumber": 3}
    slices(tmp_path, VOLUME[:3], names="b{}.dcm", **thick)
    for which in ("2", thick["SeriesInstanceUID"], "thick", "THICK", "CT, series 3"):
        np.testing.assert_array_equal(io.read(f"{tmp_path}::{which}").array, HU[:3])
    said = refusal(f"{tmp_path}::THI")
    assert f"{tmp_path}: holds 2 images, more than one of which is THI; choose one by" in said
    assert "holds 2 images, none of which is 9; choose one" in refusal(f"{tmp_path}::9")
    assert [c.which for c in choice.choices(tmp_path)] == ["1", "2"]
    assert choice.choices(tmp_path)[1].description.startswith("CT, series 3, thick, 3 slices")


def test_descriptions_show_nobodys_name(tmp_path):
    for n in range(3):
        facts = {"PatientName": f"Müller^Grete{n}", "PatientID": f"P{n}00", "PatientAge": "051Y"}
        facts |= {
            "SpecificCharacterSet": "ISO_IR 100",
            "SeriesDescription": f"Thorax Müller P{n}00",
        }
        save(image(XRAY, "DX", 12, **facts), tmp_path / f"{n}.dcm")
    said = refusal(tmp_path)
    assert "Thorax" in said
    for word in ("Müller", "Grete", "P100", "051Y"):
        assert word not in said


@pytest.mark.parametrize("uids", ["", "1.2.3"], ids=["empty", "all equal"])
@pytest.mark.parametrize("blank", [True, False], ids=["no names", "names"])
def test_three_patients_with_blanked_uids_are_never_one(tmp_path, uids, blank):
    same = dict.fromkeys(("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"), uids)
    for n, name in enumerate("abc"):
        facts = {"PatientID": "" if blank else name, "PatientName": "" if blank else name}
        # Their slices would fill a box: the positions interlock.
        slices(
            tmp_path, VOLUME, same=same, names=f"{name}{{}}.dcm", step=3.0,
            origin=(-10.0, 20.0, 5.0 + n), SOPInstanceUID=uids, **facts,
        )  # fmt: skip
    said = refusal(tmp_path)
    if blank:
        assert "several slices have the instance number 1 and no valid UIDs" in said
    else:
        assert "holds 3 images" in said
        np.testing.assert_array_equal(io.read(f"{tmp_path}::2").array.shape, VOLUME.shape)
        np.testing.assert_array_equal(io.read(tmp_path / "b2.dcm").array, HU)


def localizer(folder, **elements):
    facts = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "PixelSpacing": [1, 1]}
    facts |= {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImagePositionPatient": [0, 0, 0]}
    return save(image(XRAY, "CT", 12, **{**facts, **elements}), folder / "loc.dcm")


@pytest.mark.parametrize("same_series", [True, False])
def test_a_localizer_beside_a_ct_blocks_nobody(tmp_path, same_series):
    written = slices(tmp_path, VOLUME, same=OF_A_SERIES)
    path = localizer(tmp_path, **(OF_A_SERIES if same_series else {}))
    scan = io.read(tmp_path)
    np.testing.assert_array_equal(scan.array, HU)
    assert "A localizer was left out." in scan.notes
    np.testing.assert_array_equal(io.read(written[2]).array, HU)
    assert io.read(path).array.shape == XRAY.shape
    assert io.read(f"{tmp_path}::2").array.shape == XRAY.shape
    assert choice.choices(tmp_path) == []


@pytest.mark.parametrize("modality", ["RTDOSE", "SEG"])
def test_a_dose_or_segmentation_beside_a_ct_blocks_nobody(tmp_path, modality):
    written = slices(tmp_path, VOLUME, same=OF_A_SERIES)
    other = image(VOLUME, modality, 16, PixelSpacing=[0.8, 0.7], **OF_A_SERIES)
    other.ImagePositionPatient, other.ImageOrientationPatient = [-10, 20, 5], [1, 0, 0, 0, 1, 0]
    save(other, tmp_path / "other.dcm")
    for path in (tmp_path, written[0], written[-1]):
        np.testing.assert_array_equal(io.read(path).array, HU)
    assert "not an image" in refusal(tmp_path / "other.dcm")


def test_a_damaged_neighbour_blocks_nobody(tmp_path):
    written = slices(tmp_path, VOLUME)
    # A length that leads beyond the end of the file, an empty file, and no DICOM at all.
    whole = written[0].read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:300])
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "noise.dcm").write_bytes(bytes(128) + b"DICM" + RNG.bytes(500))
    (tmp_path / "readme.txt").write_text("hello")
    for path in (tmp_path, written[1]):
        np.testing.assert_array_equal(io.read(path).array, HU)
    # Compressed as a whole, but not to be unpacked.
    deflated = bytes(128) + b"DICM" + b"1.2.840.10008.1.2.1.99"
    (tmp_path / "x.dcm").write_bytes(deflated)
    assert "1 file of the folder can't be read and was left out" in io.read(tmp_path).notes[0]
    (tmp_path / "y.dcm").write_bytes(deflated)
    assert "2 files of the folder can't be read and were left out" in io.read(tmp_path).notes[0]


def test_a_neighbour_named_in_latin_1_blocks_nobody(tmp_path):
    written = slices(tmp_path, VOLUME)
    try:
        written[0].rename(tmp_path / os.fsdecode(b"G\xf6tz.dcm"))
    except OSError:
        # This file system takes only names in UTF-8.
        return
    for path in (tmp_path, written[1]):
        np.testing.assert_array_equal(io.read(path).array, HU)


def test_a_pipe_in_the_folder_is_passed_over(tmp_path):
    written = slices(tmp_path, VOLUME)
    os.mkfifo(tmp_path / "a.dcm")
    np.testing.assert_array_equal(io.read(tmp_path).array, HU)
    np.testing.assert_array_equal(io.read(written[1]).array, HU)


def test_nested_folders_of_a_disc(tmp_path):
    slices(tmp_path / "PT0" / "ST0" / "SE0", VOLUME, names="IM{}", SeriesDescription="thin")
    slices(tmp_path / "PT0" / "ST0" / "SE1", VOLUME[:4], names="IM{}", SeriesDescription="thick")
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer" / "start.exe").write_bytes(b"MZ" + bytes(500))
    assert "1 = CT, series 1, thin, 5 slices of 12 x 10, axial; 2 = CT" in refusal(tmp_path)
    np.testing.assert_array_equal(io.read(f"{tmp_path}::thick").array, HU[:4])
    np.testing.assert_array_equal(io.read(tmp_path / "PT0" / "ST0" / "SE0").array, HU)
    np.testing.assert_array_equal(io.read(tmp_path / "PT0" / "ST0" / "SE1" / "IM2").array, HU[:4])


def test_a_disc_with_a_table_of_contents(tmp_path):
    fileset = FileSet()
    for n, volume in enumerate((VOLUME, VOLUME[:4])):
        facts = {"StudyDate": "20200101", "StudyTime": "1200", "StudyID": "1", "SeriesNumber": n}
        for file in slices(tmp_path / f"source{n}", volume, **facts):
            fileset.add(file)
    fileset.write(tmp_path / "disc")
    table = tmp_path / "disc" / "DICOMDIR"
    assert table.is_file()
    for path in (table, tmp_path / "disc"):
        assert "holds 2 images" in refusal(path)
        np.testing.assert_array_equal(io.read(f"{path}::2").array, HU[:4])


def test_series_in_two_folders_below_one_are_told_apart(tmp_path):
    # The same series, exported twice.
    for name in ("first", "second"):
        slices(tmp_path / name, VOLUME, same=OF_A_SERIES)
    assert "folder first" in refusal(tmp_path)
    np.testing.assert_array_equal(io.read(f"{tmp_path}::2").array, HU)


def test_echoes_of_one_series_are_told_apart(tmp_path):
    for n, echo in enumerate((10.0, 30.0)):
        slices(
            tmp_path, VOLUME + n, modality="MR", same=OF_A_SERIES, names=f"{n}-{{}}.dcm",
            EchoTime=echo,
        )  # fmt: skip
    said = refusal(tmp_path)
    assert "echo time 10.0" in said
    assert "echo time 30.0" in said
    scan = io.read(tmp_path / "1-3.dcm")
    np.testing.assert_array_equal(scan.array, VOLUME + 1)
    assert any(note.startswith("Its series holds 1 other image, too") for note in scan.notes)


def test_an_empty_folder_or_one_without_images(tmp_path):
    plan = image(XRAY, "RTPLAN", 12, Rows=None, Columns=None, PixelData=None)
    save(plan, tmp_path / "plan" / "1.dcm")
    said = refusal(tmp_path / "plan")
    assert "but none with an image that can be read (only RTPLAN); name a folder" in said
    (tmp_path / "empty").mkdir()
    assert "no DICOM series in this folder" in refusal(tmp_path / "empty")


def test_slices_without_positions_are_no_volume(tmp_path):
    written = slices(tmp_path, VOLUME, ImagePositionPatient=None)
    assert "5 = CT, series 1, 1 image of 12 x 10, without a position, number 5" in refusal(tmp_path)
    scan = io.read(written[2])
    np.testing.assert_array_equal(scan.array, HU[2])
    assert "It was read alone, since its header does not say where it lies." in scan.notes


def test_a_choice_among_one_is_refused(tmp_path):
    path = save(image(XRAY, "DX", 12), tmp_path / "x.dcm")
    assert refusal(f"{path}::2") == f"{path}: holds one image; remove ::2"
    assert io.read(f"{path}::file").array.shape == XRAY.shape


def opened_in(monkeypatch):
    """The files that are opened, and how many bytes of them are read."""
    seen = {}
    plain = files.Bounded.read

    def read(self, size=-1, /):
        found = plain(self, size)
        name = str(self.raw.name)
        seen[name] = seen.get(name, 0) + len(found)
        return found

    monkeypatch.setattr(files.Bounded, "read", read)
    return seen


def test_a_projection_is_read_without_its_neighbours(tmp_path, monkeypatch):
    for n in range(30):
        save(image(XRAY, "DX", 12, InstanceNumber=n), tmp_path / f"{n}.dcm")
    seen = opened_in(monkeypatch)
    io.read(tmp_path / "7.dcm")
    assert set(seen) == {str(tmp_path / "7.dcm")}


def test_neighbours_of_a_slice_are_read_to_their_pixels_once(tmp_path, monkeypatch):
    big = np.zeros((8, 256, 256), np.uint16)
    big[:, 3:9] = 700
    written = slices(tmp_path, big)
    localizer(tmp_path)
    xray = save(image(np.tile(XRAY, (20, 20)), "DX", 12), tmp_path / "x.dcm")
    seen = opened_in(monkeypatch)
    io.read(written[3])
    assert seen[str(xray)] < 20000 < xray.stat().st_size
    # The slices themselves: once for their headers, and once whole.
    assert all(seen[str(file)] < 1.3 * file.stat().st_size for file in written)
