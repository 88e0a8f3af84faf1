"""RTSTRUCT: contours as masks."""

import dicom_sources as made
import numpy as np
import pytest
from skimage.draw import polygon2mask

from napari_segadv import io
from napari_segadv.errors import SegadvError


@pytest.fixture(params=[made.AXIAL, made.OBLIQUE], ids=["axial", "oblique"])
def scan(tmp_path, request):
    return io.read(made.ct(tmp_path / "ct", made.stored_volume(), request.param)[0])


def contour(scan, number, corners):
    """Corners (row, column) of a slice as places in (x, y, z)."""
    index = np.column_stack([np.full(len(corners), number), np.asarray(corners, float)])
    affine = scan.grid.affine
    return (index @ affine[:3, :3].T + affine[:3, 3])[:, ::-1]


SQUARE = [(2.5, 3.5), (2.5, 10.5), (8.5, 10.5), (8.5, 3.5)]
HOLE = [(4.5, 5.5), (4.5, 7.5), (6.5, 7.5), (6.5, 5.5)]


def test_a_square_holds_the_pixels_whose_centres_are_inside(tmp_path, scan):
    path = made.rtstruct(tmp_path / "rs.dcm", {4: ("Liver", [contour(scan, 2, SQUARE)])})
    mask = io.read_mask(path, scan.grid)
    expected = np.zeros(scan.grid.shape, np.uint8)
    expected[2, 3:9, 4:11] = 4
    np.testing.assert_array_equal(mask.array, expected)
    assert mask.classes == ("background", "class 1", "class 2", "class 3", "Liver")


def test_any_polygon_as_skimage_fills_the_whole_slice(tmp_path, scan):
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 60))
    radius = rng.uniform(3, 9, 60)
    corners = np.column_stack([10 + radius * np.sin(angle), 13 + radius * np.cos(angle)]).round(3)
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("a", [contour(scan, 5, corners)])})
    expected = polygon2mask((21, 27), corners)
    assert (io.read_mask(path, scan.grid).array[5] != expected).sum() <= 1


def test_holes_islands_and_keyholes(tmp_path, scan):
    ring = np.zeros(scan.grid.shape[1:], bool)
    ring[3:9, 4:11] = True
    ring[5:7, 6:8] = False
    hole = made.rtstruct(
        tmp_path / "h.dcm", {1: ("a", [contour(scan, 1, SQUARE), contour(scan, 1, HOLE)])}
    )
    np.testing.assert_array_equal(io.read_mask(hole, scan.grid).array[1], ring)
    keyhole = [*SQUARE, SQUARE[0], *HOLE[::-1], HOLE[-1]]
    path = made.rtstruct(tmp_path / "k.dcm", {1: ("a", [contour(scan, 1, keyhole)])})
    np.testing.assert_array_equal(io.read_mask(path, scan.grid).array[1], ring)


def test_one_structure_by_name(tmp_path, scan):
    both = {
        0: ("External", [contour(scan, 1, SQUARE)]),
        7: ("Kidney, left", [contour(scan, 1, HOLE)]),
    }
    path = made.rtstruct(tmp_path / "rs.dcm", both)
    with pytest.raises(SegadvError, match="1 External and 8 Kidney, left overlap"):
        io.read_mask(path, scan.grid)
    mask = io.read_mask(f"{path}::kidney, left", scan.grid)
    assert np.unique(mask.array).tolist() == [0, 8]
    with pytest.raises(SegadvError, match="no structure spleen; choose from 1 External, 8 Kidney"):
        io.read_mask(f"{path}::spleen", scan.grid)


def test_thinner_and_thicker_contours_are_told(tmp_path, scan):
    thick = [contour(scan, number, SQUARE) for number in (0, 2, 4)]
    mask = io.read_mask(made.rtstruct(tmp_path / "a.dcm", {1: ("a", thick)}), scan.grid)
    assert [bool(plane.any()) for plane in mask.array] == [True, False] * 3
    assert "one in 2 slices" in mask.notes[0]
    thin = [contour(scan, number, SQUARE) for number in (1.0, 1.3, 2.0)]
    mask = io.read_mask(made.rtstruct(tmp_path / "b.dcm", {1: ("a", thin)}), scan.grid)
    assert mask.array[1, 3:9, 4:11].all()
    assert "thinner slices" in mask.notes[0]


def test_what_is_refused(tmp_path, scan):
    good = contour(scan, 2, SQUARE)
    path = made.rtstruct(tmp_path / "good.dcm", {1: ("a", [good])})
    with pytest.raises(SegadvError, match="contours, which need the grid of their image"):
        io.read_mask(path)
    with pytest.raises(SegadvError, match="is a segmentation, not an image"):
        io.read(path)
    away = made.rtstruct(tmp_path / "away.dcm", {1: ("a", [good + 400])})
    with pytest.raises(SegadvError, match="1 of the 1 contours of 1 a lie outside the image"):
        io.read_mask(away, scan.grid)
    across = np.array([contour(scan, n, [p])[0] for n, p in zip((0, 1, 2, 3), SQUARE, strict=True)])
    tilted = made.rtstruct(tmp_path / "tilted.dcm", {1: ("a", [across])})
    with pytest.raises(SegadvError, match="do not lie in the slices of the image"):
        io.read_mask(tilted, scan.grid)
    empty = made.rtstruct(tmp_path / "empty.dcm", {1: ("a", []), 2: ("b", [])})
    with pytest.raises(SegadvError, match="no pixel of the image lies in 1 a, 2 b"):
        io.read_mask(empty, scan.grid)
    points = made.rtstruct(tmp_path / "p.dcm", {1: ("a", [good]), 2: ("b", [good])}, kind="POINT")
    with pytest.raises(SegadvError, match="no pixel of the image lies in"):
        io.read_mask(points, scan.grid)
    flat = io.read(made.xray(tmp_path / "dx" / "dx.dcm", made.stored_volume()[0]))
    with pytest.raises(SegadvError, match="the image is a single slice"):
        io.read_mask(path, flat.grid)


def test_damaged_files_end_in_one_line(tmp_path, scan):
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("a", [contour(scan, 2, SQUARE)])})
    data = path.read_bytes()
    for end in range(140, len(data) - 1, 13):
        path.write_bytes(data[:end])
        try:
            io.read_mask(path, scan.grid)
        except SegadvError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_a_few_contours_outside_the_image_are_told(tmp_path, scan):
    inside = [contour(scan, n % 6, SQUARE) for n in range(6 * 21)]
    away = contour(scan, 2, SQUARE) + 400
    path = made.rtstruct(tmp_path / "rs.dcm", {1: ("a", [*inside, away])})
    mask = io.read_mask(path, scan.grid)
    assert any("1 of the 127 contours of 1 a lie outside the image" in n for n in mask.notes)
