"""DICOM segmentations as masks, against highdicom's own reading."""

import dicom_sources as made
import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless, RLELossless

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError


@pytest.fixture(params=[made.AXIAL, made.OBLIQUE], ids=["axial", "oblique"])
def series(tmp_path, request):
    return made.ct(tmp_path / "ct", made.stored_volume(), request.param)


def by_highdicom(path) -> Mask:
    """The mask as highdicom reads it, which counts slices from the other end."""
    volume = hd.seg.segread(path).get_volume(combine_segments=True)
    turned = np.eye(4)[[2, 1, 0, 3]] @ volume.affine
    spacing = np.linalg.norm(turned[:3, :3], axis=0)
    grid = Grid(volume.array.shape, tuple(spacing), tuple(turned[:3, 3]), turned[:3, :3] / spacing)
    return Mask(volume.array, grid)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("order", [1, -1], ids=["sorted", "reversed"])
def test_all_kinds_as_highdicom_reads_them(tmp_path, series, kind, order):
    path = made.seg(tmp_path / "seg.dcm", series[::order], made.labels()[::order], kind)
    mask = io.read_mask(path)
    if kind != "FRACTIONAL":
        other = by_highdicom(path)
        assert other.array.shape == mask.array.shape
        np.testing.assert_array_equal(mask.array, io.to_grid(other, mask.grid).array)
    assert mask.classes == ("background", "Liver", "Spleen", "Left kidney")
    scan = io.read(series[0])
    on_image = io.read_mask(path, scan.grid)
    np.testing.assert_array_equal(on_image.array, made.labels())
    assert on_image.grid is scan.grid


@pytest.mark.parametrize("which", ["3", "left kidney", "3 Left kidney", "3:Left Kidney"])
def test_a_segment_by_number_or_name(tmp_path, series, which):
    path = made.seg(tmp_path / "seg.dcm", series, made.labels())
    mask = io.read_mask(f"{path}::{which}", io.read(series[0]).grid)
    np.testing.assert_array_equal(mask.array, np.where(made.labels() == 3, 3, 0))
    both = io.read_mask(f"{path}::1+left kidney", io.read(series[0]).grid)
    np.testing.assert_array_equal(both.array, np.where(made.labels() == 2, 0, made.labels()))
    with pytest.raises(SegadvError, match="no segment lung; choose from 1 Liver, 2 Spleen, 3 Left"):
        io.read_mask(f"{path}::lung")


def test_overlapping_segments_are_a_choice(tmp_path, series):
    array = np.stack([made.labels() == 1, made.labels() > 0], axis=-1).astype(np.uint8)
    path = made.seg(tmp_path / "seg.dcm", series, array, names=("Tumour", "Liver"))
    with pytest.raises(SegadvError, match=r"1 Tumour and 2 Liver overlap.*::1 or .*::2"):
        io.read_mask(path)
    np.testing.assert_array_equal(
        io.read_mask(f"{path}::liver", io.read(series[0]).grid).array, 2 * (made.labels() > 0)
    )


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_fractions_from_one_half_on(tmp_path, series, syntax):
    share = np.zeros((6, 21, 27, 1))
    share[1, 2:6, 3:9], share[2, 2:6, 3:9], share[3, 2:6, 3:9] = 0.49, 0.51, 1.0
    path = made.seg(
        tmp_path / "f.dcm", series, share, "FRACTIONAL", ("Liver",), transfer_syntax_uid=syntax
    )
    mask = io.read_mask(path, io.read(series[0]).grid)
    np.testing.assert_array_equal(mask.array, share[..., 0] > 0.5)
    assert "fractional" in mask.notes[0]


def test_a_bare_object_that_highdicom_refuses(tmp_path):
    masks = made.labels() == 1
    path = made.bare_seg(tmp_path / "bare.dcm", masks)
    mask = io.read_mask(path)
    np.testing.assert_array_equal(mask.array, masks)
    assert mask.grid.spacing == (3.0, 0.8, 0.7)
    assert mask.grid.origin == (40.0, -30.0, -20.0)
    assert mask.classes == ()


def test_frames_of_several_segments_in_any_order(tmp_path):
    masks = np.concatenate([made.labels() == n for n in (2, 1, 3)])[::-1]
    numbers = np.repeat((2, 1, 3), 6)[::-1].tolist()
    places = [(-20.0, -30.0, 40.0 + 3 * k) for k in (*range(6), *range(6), *range(6))][::-1]
    path = made.bare_seg(
        tmp_path / "s.dcm", masks, numbers=numbers, positions=places,
        named=[(1, "a"), (2, ""), (3, "c\x1b[2J")],
    )  # fmt: skip
    mask = io.read_mask(path)
    np.testing.assert_array_equal(mask.array, made.labels())
    assert mask.classes == ("background", "a", "class 2", "c [2J")


def test_omitted_frames_keep_their_slices(tmp_path):
    """Two frames 9 mm apart on an image with slices every 3 mm are two slices, not six."""
    series = made.ct(tmp_path / "ct", made.stored_volume())
    masks = np.ones((2, 21, 27), bool)
    places = [(-20.0, -30.0, 43.0), (-20.0, -30.0, 52.0)]
    path = made.bare_seg(tmp_path / "two.dcm", masks, positions=places)
    mask = io.read_mask(path, io.read(series[0]).grid)
    assert [bool(plane.any()) for plane in mask.array] == [False, True, False, False, True, False]
    single = made.bare_seg(tmp_path / "one.dcm", masks[:1], positions=places[:1])
    mask = io.read_mask(single, io.read(series[0]).grid)
    assert [int(plane.sum()) for plane in mask.array] == [0, 21 * 27, 0, 0, 0, 0]


def test_a_radiograph(tmp_path):
    stored = made.stored_volume()[0]
    image = made.xray(tmp_path / "dx" / "dx.dcm", stored)
    path = made.seg(tmp_path / "seg.dcm", [image], made.labels()[1])
    mask = io.read_mask(path, io.read(image).grid)
    np.testing.assert_array_equal(mask.array, made.labels()[1])


def test_a_mask_of_one_slice_fits_that_slice(tmp_path):
    series = made.ct(tmp_path / "ct", made.stored_volume()[:1])
    path = made.seg(tmp_path / "seg.dcm", series, made.labels()[1:2])
    mask = io.read_mask(path, io.read(series[0]).grid)
    np.testing.assert_array_equal(mask.array, made.labels()[1])


def test_an_empty_one_must_lie_on_the_image(tmp_path):
    scan = io.read(made.ct(tmp_path / "ct", made.stored_volume())[0])
    nothing = np.zeros((6, 21, 27), bool)
    here = made.bare_seg(tmp_path / "here.dcm", nothing)
    assert not io.read_mask(here, scan.grid).array.any()
    places = [(500.0, -30.0, 40.0 + 3 * k) for k in range(6)]
    away = made.bare_seg(tmp_path / "away.dcm", nothing, positions=places)
    with pytest.raises(SegadvError, match=r"away.dcm: is empty and lies elsewhere than the image"):
        io.read_mask(away, scan.grid)
    grid = Grid((6, 21, 27), (3.0, 0.8, 0.7), (40.0, 470.0, -20.0), np.eye(3))
    with pytest.raises(SegadvError, match="is empty and lies elsewhere"):
        io.to_grid(Mask(np.zeros((6, 21, 27), np.uint8), grid), scan.grid)


def shifted(ds):
    ds.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0].ImagePositionPatient[0] = 9


def uneven(ds):
    for number, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        frame.PlanePositionSequence[0].ImagePositionPatient[2] = 3 * number + number**2 / 7


def turned(ds):
    frame = ds.PerFrameFunctionalGroupsSequence[2]
    frame.PlaneOrientationSequence = [made.item(ImageOrientationPatient=list(made.OBLIQUE))]


def unplaced(ds):
    del ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence


def twice(ds):
    frames = ds.PerFrameFunctionalGroupsSequence
    frames[1].PlanePositionSequence = frames[0].PlanePositionSequence


def unknown(ds):
    for frame in ds.PerFrameFunctionalGroupsSequence:
        frame.SegmentIdentificationSequence = [made.item(ReferencedSegmentNumber=7)]


def unsaid(ds):
    ds.SegmentSequence = [made.item(SegmentNumber=n, SegmentLabel="") for n in (1, 2)]


def doubled(ds):
    ds.SegmentSequence = [made.item(SegmentNumber=1, SegmentLabel="x") for _ in range(2)]


def huge(ds):
    ds.SegmentSequence = [made.item(SegmentNumber=n, SegmentLabel="x") for n in (0, 1)]


def short(ds):
    ds.PixelData = ds.PixelData[:300]


def claims(ds):
    ds.Rows = ds.Columns = 60_000


def apart(ds):
    frame = ds.PerFrameFunctionalGroupsSequence[5]
    frame.PlanePositionSequence[0].ImagePositionPatient[2] = 40 + 3 * 9000


def fewer(ds):
    ds.PerFrameFunctionalGroupsSequence = ds.PerFrameFunctionalGroupsSequence[:4]


def empty(ds):
    ds.Rows = 0


def pixels(ds):
    del ds.PixelData


def slide(ds):
    ds.TotalPixelMatrixColumns, ds.TotalPixelMatrixRows = 4000, 4000
    ds.TotalPixelMatrixOriginSequence = [made.item(XOffsetInSlideCoordinateSystem="0")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shifted, "shifted against each other"),
        (uneven, "unevenly spaced"),
        (turned, "turned against each other"),
        (unplaced, "does not say where its frames lie"),
        (twice, "two frames of a segment at one place"),
        (unknown, "a frame of segment 7, which it does not describe"),
        (unsaid, "does not say which of its 2 segments a frame belongs to"),
        (doubled, "two segments with the number 1"),
        (huge, "a segment with the number 0, but they go from 1 to 65535"),
        (
            short,
            "has 300 bytes of pixels, but its 6 frames need 426; check that the file is complete",
        ),
        (claims, "bytes of pixels, but its 6 frames need 2700000000"),
        (apart, "unevenly spaced"),
        (fewer, "has 6 frames but describes 4"),
        (empty, "has no frames"),
        (pixels, "has no pixels"),
        (slide, "segmentation of a slide"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_refused(tmp_path, change, message):
    path = made.bare_seg(tmp_path / "s.dcm", np.ones((6, 21, 27), bool))
    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)
    with pytest.raises(SegadvError, match=message) as caught:
        io.read_mask(path)
    assert "\n" not in str(caught.value)


def test_it_is_no_image(tmp_path, series):
    path = made.seg(tmp_path / "seg.dcm", series, made.labels())
    with pytest.raises(SegadvError, match="is a segmentation, not an image; give it as a mask"):
        io.read(path)
    folder = made.seg(tmp_path / "alone" / "seg.dcm", series, made.labels()).parent
    np.testing.assert_array_equal(io.read_mask(folder).array, io.read_mask(path).array)


def test_a_damaged_object_ends_in_one_line(tmp_path, series):
    path = made.seg(tmp_path / "seg.dcm", series, made.labels())
    data = path.read_bytes()
    for end in range(200, len(data) - 1, 97):
        path.write_bytes(data[:end])
        try:
            io.read_mask(path)
        except SegadvError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_more_than_the_memory_holds_is_refused(tmp_path, monkeypatch):
    path = made.bare_seg(tmp_path / "s.dcm", np.ones((6, 21, 27), bool))
    monkeypatch.setattr("napari_segadv.io.segments.choice.available", lambda: 5000)
    with pytest.raises(SegadvError, match="need more memory than there is; use a part of it"):
        io.read_mask(path)
