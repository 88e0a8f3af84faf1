"""3D Slicer's segmentations: several layers, segments by name, against SimpleITK's own reading."""

import numpy as np
import pytest
import SimpleITK as sitk

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.errors import SegadvError

GRID = Grid((4, 9, 11), (3.0, 0.8, 0.7), (5.0, 6.0, 7.0), np.eye(3))


def write(path, layers, segments=()):
    """Write layers (z, y, x); segments are (name, layer, value)."""
    pictures = [sitk.GetImageFromArray(np.ascontiguousarray(layer)) for layer in layers]
    image = pictures[0] if len(pictures) == 1 else sitk.Compose(pictures)
    image.SetSpacing(GRID.spacing[::-1])
    image.SetOrigin(GRID.origin[::-1])
    for number, (name, layer, value) in enumerate(segments):
        entries = {"ID": f"Segment_{number}", "Name": name, "Layer": layer, "LabelValue": value}
        for key, text in entries.items():
            if text is not None:
                image.SetMetaData(f"Segment{number}_{key}", str(text))
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def layers():
    one, two = np.zeros((2, *GRID.shape), np.uint8)
    one[1:3, 2:5, 2:6] = 1
    one[1:3, 6:8, 2:6] = 2
    two[1:3, 2:8, 7:10] = 1
    return one, two


def test_segments_of_one_layer_are_simpleitks_numbers(tmp_path):
    path = write(tmp_path / "a.seg.nrrd", layers()[:1], [("Spleen", 0, 2), ("Liver", 0, 1)])
    mask = io.read_mask(path)
    np.testing.assert_array_equal(mask.array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    assert mask.classes == ("background", "Liver", "Spleen")
    assert mask.grid.same_as(GRID)
    np.testing.assert_array_equal(io.read_mask(f"{path}::liver").array, layers()[0] == 1)


@pytest.mark.parametrize("name", ["b.seg.nrrd", "renamed.nrrd"])
def test_several_layers(tmp_path, name):
    segments = [("Liver", 0, 1), ("Spleen", 0, 2), ("Kidney", 1, 1)]
    path = write(tmp_path / name, layers(), segments)
    one, two = layers()
    mask = io.read_mask(path, GRID)
    np.testing.assert_array_equal(mask.array, one + 3 * two)
    assert mask.classes == ("background", "Liver", "Spleen", "Kidney")
    np.testing.assert_array_equal(io.read_mask(f"{path}::3").array, 3 * two)
    with pytest.raises(SegadvError, match="is a segmentation, not an image"):
        io.read(path)


def test_overlapping_layers_are_a_choice(tmp_path):
    one, two = layers()
    two[1, 2:5, 2:6] = 1
    path = write(tmp_path / "o.seg.nrrd", (one, two), [("Liver", 0, 1), ("Tumour", 1, 1)][:1])
    with pytest.raises(SegadvError, match="value 2 in layer 0, which no segment"):
        io.read_mask(path)
    named = [("Liver", 0, 1), ("Spleen", 0, 2), ("Tumour", 1, 1)]
    path = write(tmp_path / "o.seg.nrrd", (one, two), named)
    with pytest.raises(SegadvError, match="1 Liver and 3 Tumour overlap"):
        io.read_mask(path)
    np.testing.assert_array_equal(io.read_mask(f"{path}::tumour").array, 3 * two)


def test_an_old_file_has_a_layer_for_each_segment(tmp_path):
    one, two = layers()
    named = [("Liver", None, None), ("Kidney", None, None)]
    path = write(tmp_path / "old.seg.nrrd", ((one == 1).astype(np.uint8), two), named)
    np.testing.assert_array_equal(io.read_mask(path).array, (one == 1) + 2 * two)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_layers_without_names(tmp_path, count):
    stack = [np.zeros(GRID.shape, np.uint8) for _ in range(count)]
    for number, layer in enumerate(stack):
        layer[number % 4, number : number + 2] = 1
    path = write(tmp_path / "plain.seg.nrrd", stack)
    expected = sum((number + 1) * layer for number, layer in enumerate(stack))
    np.testing.assert_array_equal(io.read_mask(path).array, expected)


@pytest.mark.parametrize(
    "segment", [("a", "x", 1), ("a", 0, "y"), ("a", -1, 1), ("a", 0, 0)], ids=str
)
def test_invalid_headers(tmp_path, segment):
    path = write(tmp_path / "bad.seg.nrrd", layers()[:1], [segment])
    with pytest.raises(SegadvError, match="save it again with 3D Slicer"):
        io.read_mask(path)


def test_negative_and_broken_values_are_refused(tmp_path):
    for value, dtype, message in ((-1, np.int16, "holds -1"), (0.5, np.float32, "fractions")):
        array = np.zeros(GRID.shape, dtype)
        array[0, 0, 0] = value
        path = write(tmp_path / "v.seg.nrrd", [array])
        with pytest.raises(SegadvError, match=message):
            io.read_mask(path)


def test_a_mask_comes_back_with_its_names(tmp_path):
    one, _ = layers()
    mask = Mask(one, GRID, ("background", "Liver", "Milz\n(groß)", "gone"))
    path = tmp_path / "out.seg.nrrd"
    io.save_mask(mask, path)
    back = io.read_mask(path)
    np.testing.assert_array_equal(back.array, one)
    assert back.classes == ("background", "Liver", "Milz (groß)", "gone")
    assert back.grid.same_as(GRID)
    np.testing.assert_array_equal(io.read_mask(f"{path}::liver").array, one == 1)


def test_a_flipped_bit_in_compressed_layers_never_changes_a_label(tmp_path):
    path = write(tmp_path / "a.seg.nrrd", layers(), [("Liver", 0, 1), ("b", 0, 2), ("c", 1, 1)])
    expected, data, refused = io.read_mask(path).array, path.read_bytes(), 0
    start = data.index(b"\n\n") + 12
    for at in range(start, len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        try:
            # Some bits of the last block mean nothing.
            np.testing.assert_array_equal(io.read_mask(path).array, expected)
        except SegadvError:
            refused += 1
    assert refused >= len(data) - start - 2
