"""Values and presentation of DICOM images, held against pydicom's own."""

import dicom_sources as made
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicoms import image, item, lookup, save, slices
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)  # fmt: skip

from napari_segadv import io
from napari_segadv.data.scan import Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io.dicom import reading

RNG = np.random.default_rng(3)


def picture(bits=12, signed=False, shape=(24, 20)):
    """Every corner of the range, and a gradient with noise."""
    low = -(2 ** (bits - 1)) if signed else 0
    high = low + 2**bits - 1
    found = np.linspace(low, high, shape[0] * shape[1]).reshape(shape)
    found = np.clip(found + RNG.normal(0, (high - low) / 50, shape), low, high)
    found[0, :2] = low, high
    size = 8 if bits <= 8 else 16
    return np.rint(found).astype(f"{'int' if signed else 'uint'}{size}")


def shown_by_pydicom(path):
    """Brightness as pydicom has it, from 0 to 1, MONOCHROME1 inverted."""
    ds = pydicom.dcmread(path)
    values = apply_modality_lut(pixel_array(ds), ds)
    shown = apply_voi_lut(values, ds).astype(np.float64)
    shown = (shown - shown.min()) / (shown.max() - shown.min())
    return 1 - shown if ds.PhotometricInterpretation == "MONOCHROME1" else shown


def check_against_pydicom(path):
    ds = pydicom.dcmread(path)
    scan = io.read(path)
    np.testing.assert_array_equal(scan.array, apply_modality_lut(pixel_array(ds), ds))
    if scan.presentation is None:
        return scan
    shown = scan.presentation(scan.array)
    assert np.corrcoef(shown.ravel(), shown_by_pydicom(path).ravel())[0, 1] > 0.999
    return scan


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("function", ["", "LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_of_any_depth(tmp_path, bits, signed, photometric, function):
    pixels = picture(bits, signed)
    centre, width = float(np.median(pixels)), 2.0 ** (bits - 1)
    ds = image(pixels, "DX", bits, photometric, WindowCenter=centre, WindowWidth=width)
    if function:
        ds.VOILUTFunction = function
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm"))
    assert scan.storage == Storage(str(pixels.dtype))
    assert scan.presentation.source == "window of the header"
    assert scan.meta["bits_stored"] == bits
    assert scan.meta["signed"] == signed
    # The exact brightness, not only its course.
    wanted = shown_by_pydicom(tmp_path / "x.dcm")
    tolerance = 2e-3 if function == "SIGMOID" else 1e-9
    if function != "SIGMOID":
        np.testing.assert_allclose(scan.presentation(scan.array), wanted, atol=tolerance)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
@pytest.mark.parametrize("signed", [False, True])
def test_transfer_syntaxes_without_compression(tmp_path, syntax, signed):
    ds = image(picture(12, signed), "CR", 12, RescaleSlope=1, RescaleIntercept=-50)
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm", syntax))
    assert scan.meta["transfer_syntax"] == syntax
    assert scan.array.dtype == np.int16


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_file_without_preamble_or_suffix(tmp_path, syntax):
    pixels = picture(12, True)
    path = save(image(pixels, "DX", 12), tmp_path / "IM0001", syntax, preamble=False)
    np.testing.assert_array_equal(io.read(path).array, pixels)


@pytest.mark.parametrize(
    ("syntax", "plugin"),
    [(RLELossless, "pydicom"), (JPEG2000Lossless, "pylibjpeg"), (JPEGLSLossless, "pyjpegls")],
)
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_compression(tmp_path, syntax, plugin, signed):
    pixels = picture(12, signed, shape=(48, 40))
    ds = image(pixels, "CT", 12, RescaleSlope=1, RescaleIntercept=-1024)
    ds.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm"))
    assert scan.array.dtype == np.int16
    np.testing.assert_array_equal(scan.array, pixels.astype(int) - 1024)


def by_itk(folder, pixels, modality="MR"):
    """JPEG lossless as ITK writes it, which pydicom can't decode here."""
    found = sitk.GetImageFromArray(pixels)
    found.SetMetaData("0008|0060", modality)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.SetFileName(str(folder / "x.dcm"))
    writer.Execute(found)
    return folder / "x.dcm"


@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_is_decoded_by_itk(tmp_path, signed):
    pixels = picture(12, signed)
    # The code holds the 12 bits of a number without its sign.
    path = by_itk(tmp_path, pixels.view(np.uint16) & np.uint16(0x0FFF))
    ds = pydicom.dcmread(path)
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, int(signed)
    save(ds, path)
    np.testing.assert_array_equal(io.read(path).array, pixels)


def test_values_beside_itk_when_signed_and_rescaled(tmp_path):
    pixels = picture(16, True)
    ds = image(pixels, "CT", 16, RescaleSlope=1, RescaleIntercept=-1024, PixelSpacing=[1, 2])
    path = save(ds, tmp_path / "x.dcm")
    by_itk = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    np.testing.assert_array_equal(io.read(path).array, by_itk[0])


def test_bits_beside_the_number_are_cut_off(tmp_path):
    # Old scanners put overlays into the bits above the stored ones.
    pixels = picture(12)
    ds = image(pixels | np.uint16(0xF000), "CR", 12)
    np.testing.assert_array_equal(io.read(save(ds, tmp_path / "x.dcm")).array, pixels)
    high = image(pixels << 4 | np.uint16(5), "CR", 12, HighBit=15)
    np.testing.assert_array_equal(io.read(save(high, tmp_path / "y.dcm")).array, pixels)


def test_a_fractional_slope_is_kept_as_storage(tmp_path):
    ds = image(picture(12), "MR", 12, RescaleSlope="0.5", RescaleIntercept="3")
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm"))
    assert scan.storage == Storage("uint16", 0.5, 3.0)
    assert scan.array.dtype == np.float32


def test_slopes_that_differ_from_slice_to_slice(tmp_path):
    volume = RNG.integers(0, 3000, (4, 8, 9)).astype(np.uint16)
    files = slices(tmp_path, volume, modality="PT")
    for n, file in enumerate(files):
        ds = pydicom.dcmread(file)
        ds.RescaleSlope, ds.RescaleIntercept = 0.25 * (n + 1), 0
        save(ds, file)
    scan = io.read(tmp_path)
    np.testing.assert_allclose(
        scan.array, volume * 0.25 * np.arange(1, 5)[:, None, None], rtol=1e-6
    )
    assert scan.storage == Storage("float32")
    assert scan.meta["slopes"] == (0.25, 0.5, 0.75, 1.0)
    assert any("different rescale slopes" in note for note in scan.notes)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_modality_lut_goes_before_the_window(tmp_path, bits):
    stored = min(bits, 12)
    entries = (np.linspace(0, 1, 2**stored) ** 2 * (2**bits - 1)).astype(int)
    ds = image(picture(stored), "CR", stored, WindowCenter=100, WindowWidth=90)
    ds.ModalityLUTSequence = [lookup(entries, bits=16)]
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm"))
    assert scan.meta["modality_lut"] is True
    assert any("Modality LUT" in note for note in scan.notes)


def test_an_empty_modality_lut_counts_for_nothing(tmp_path):
    pixels = picture(12)
    ds = image(pixels, "CR", 12, RescaleSlope=2, RescaleIntercept=1)
    ds.ModalityLUTSequence = []
    np.testing.assert_array_equal(
        io.read(save(ds, tmp_path / "x.dcm")).array, pixels.astype(int) * 2 + 1
    )


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("first", [0, 700])
def test_a_voi_lut_goes_before_the_window(tmp_path, photometric, first):
    entries = (4095 / (1 + np.exp(-(np.arange(2000) - 1000) / 200))).astype(int)
    ds = image(picture(12), "DX", 12, photometric, WindowCenter=5, WindowWidth=9)
    ds.VOILUTSequence = [lookup(entries, first, 12), lookup(entries[::-1], first, 12)]
    scan = check_against_pydicom(save(ds, tmp_path / "x.dcm"))
    assert scan.presentation.source == "VOI LUT of the header"
    wanted = shown_by_pydicom(tmp_path / "x.dcm")
    np.testing.assert_allclose(scan.presentation(scan.array), wanted, atol=1e-9)


def test_the_first_of_several_windows_counts(tmp_path):
    ds = image(picture(12), "CT", 12, WindowCenter=[40, 500], WindowWidth=[401, 2000])
    assert io.read(save(ds, tmp_path / "x.dcm")).presentation.limits == (-160.5, 239.5)


def test_a_film_without_a_window_is_shown_inverted(tmp_path):
    pixels = picture(12)
    positive = io.read(save(image(pixels, "DX", 12), tmp_path / "2.dcm"))
    negative = io.read(save(image(4095 - pixels, "DX", 12, "MONOCHROME1"), tmp_path / "1.dcm"))
    assert positive.presentation is None
    shown = negative.presentation(negative.array)
    assert np.corrcoef(shown.ravel(), pixels.ravel())[0, 1] > 0.999
    # The stored numbers are left as they are: a result is written back into the same file.
    np.testing.assert_array_equal(negative.array, 4095 - pixels)
    by_shape = image(pixels, "DX", 12, PresentationLUTShape="INVERSE")
    inverse = io.read(save(by_shape, tmp_path / "3.dcm"))
    assert inverse.presentation.brightness[0] > inverse.presentation.brightness[-1]


def test_padding_does_not_count_for_the_window_of_a_film(tmp_path):
    pixels = picture(12) // 4 + 100
    pixels[:6] = 4095
    ds = image(pixels, "MG", 12, "MONOCHROME1", PixelPaddingValue=4095)
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.presentation.limits[1] < 1130
    assert scan.meta["padding"] == (4095, 4095)
    assert "25 % of its pixels are padding (value 4095), kept as they are." in scan.notes


def test_units(tmp_path):
    ct = image(picture(12), "CT", 12, RescaleSlope=1, RescaleIntercept=-1024)
    assert io.read(save(ct, tmp_path / "1.dcm")).units == "HU"
    raw = io.read(save(image(picture(12), "CT", 12), tmp_path / "2.dcm"))
    assert raw.units == "grey level"
    assert "The header does not say how its numbers become HU." in raw.notes
    mr = image(picture(12), "MR", 12, RescaleSlope=1, RescaleIntercept=-1024)
    assert io.read(save(mr, tmp_path / "3.dcm")).units == "grey level"
    shown = np.stack([picture(8).astype(np.uint8)] * 3, -1)
    shown[..., 1] //= 2
    facts = {"RescaleSlope": 1, "RescaleIntercept": -1024, "PixelSpacing": [1, 1]}
    colour = io.read(save(image(shown, "CT", photometric="RGB", **facts), tmp_path / "4.dcm"))
    assert (colour.units, colour.colour) == ("grey level", True)


@pytest.mark.parametrize("planar", [0, 1])
def test_colour(tmp_path, planar):
    pixels = RNG.integers(0, 256, (12, 10, 3)).astype(np.uint8)
    ds = image(pixels, "SC", photometric="RGB", PlanarConfiguration=planar)
    if planar:
        ds.PixelData = np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes()
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.colour
    np.testing.assert_array_equal(scan.array, pixels)


def test_colour_of_equal_channels_is_grey(tmp_path):
    grey = RNG.integers(0, 256, (12, 10, 1)).astype(np.uint8)
    ds = image(np.repeat(grey, 3, axis=-1), "SC", photometric="RGB")
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert not scan.colour
    np.testing.assert_array_equal(scan.array, grey[..., 0])


def test_luminance_and_chrominance(tmp_path):
    ycc = RNG.integers(16, 240, (12, 10, 3)).astype(np.uint8)
    path = save(image(ycc, "US", photometric="YBR_FULL"), tmp_path / "x.dcm")
    np.testing.assert_array_equal(io.read(path).array, pixel_array(pydicom.dcmread(path)))


def test_a_palette(tmp_path):
    pixels = RNG.integers(0, 256, (12, 10)).astype(np.uint8)
    ds = image(pixels, "US", photometric="PALETTE COLOR")
    colours = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    for name, entries in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        data = (entries.astype("<u2") << 8).tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableData", data)
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    np.testing.assert_array_equal(scan.array, colours[pixels])


def test_a_photograph_in_jpeg(tmp_path):
    import io as streams

    from PIL import Image

    pixels = np.indices((32, 24)).sum(0).astype(np.uint8)[..., None] * np.uint8([1, 2, 3])
    stream = streams.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    ds = image(pixels, "SC", photometric="YBR_FULL_422")
    ds.PixelData = encapsulate([stream.getvalue()])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    wanted = np.asarray(Image.open(stream).convert("RGB"))
    np.testing.assert_array_equal(scan.array, wanted)


def test_floating_point_pixels(tmp_path):
    pixels = RNG.normal(0, 1, (12, 10)).astype(np.float32)
    ds = image(pixels.view(np.int32), "MR")
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    ds.FloatPixelData = pixels.tobytes()
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.array.dtype == np.float32
    np.testing.assert_array_equal(scan.array, pixels)


def test_whole_numbers_of_32_bits(tmp_path):
    pixels = RNG.integers(0, 1 << 30, (12, 10)).astype(np.uint32)
    np.testing.assert_array_equal(
        io.read(save(image(pixels, "CR"), tmp_path / "x.dcm")).array, pixels
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"PixelData": None}, "has no pixel data, only a header"),
        ({"BitsAllocated": 12}, "its numbers have 12 bits each, which is not supported"),
        ({"BitsStored": 17}, "its header contradicts itself (17 of 16 bits, highest 11)"),
        ({"SamplesPerPixel": 2}, "has 2 values per pixel and says MONOCHROME2"),
        ({"PhotometricInterpretation": "CMYK"}, "has 1 values per pixel and says CMYK"),
        ({"Rows": 25}, "its pixel data ends after 960 of 1000 bytes"),
        ({"Rows": 0}, "has no Rows and Columns, so it holds no image"),
        ({"Modality": "RTDOSE"}, "is a dose distribution (RTDOSE), not an image"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.2"}, "is a dose distribution (RTDOSE)"),
        ({"Modality": "SEG"}, "is a segmentation (SEG), not an image; give it as a mask"),
    ],
    ids=str,
)
def test_headers_that_are_refused(tmp_path, change, says):
    ds = image(picture(12), "DX", 12, **change)
    path = save(ds, tmp_path / "x.dcm")
    with pytest.raises(SegadvError) as refusal:
        io.read(path)
    assert str(refusal.value).startswith(f"{path}: {says}")
    assert "; " in str(refusal.value)


def test_an_object_without_pixels_is_named(tmp_path):
    ds = image(picture(12), "RTPLAN", Rows=None, Columns=None, PixelData=None)
    path = save(ds, tmp_path / "plan.dcm")
    with pytest.raises(SegadvError, match=r"is no image \(RT Plan Storage\); name an image"):
        io.read(path)


def test_a_compression_that_nothing_decodes(tmp_path):
    ds = image(picture(8), "US", WindowCenter=1, WindowWidth=2)
    ds.PixelData = encapsulate([bytes(100)])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    path = save(ds, tmp_path / "film.dcm")
    with pytest.raises(SegadvError, match="compressed as MPEG-4 .*, which can't be decoded here"):
        io.read(path)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless, RLELossless])
def test_compressed_pixels_that_are_cut_off_or_no_code(tmp_path, syntax):
    ds = image(picture(12), "DX", 12)
    ds.PixelData = encapsulate([bytes(range(256))])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax
    path = save(ds, tmp_path / "x.dcm")
    with pytest.raises(SegadvError, match="its pixels can't be decoded"):
        io.read(path)


def test_a_text_file_with_the_suffix(tmp_path):
    (tmp_path / "notes.dcm").write_text("not DICOM at all")
    with pytest.raises(SegadvError, match=r"is not a DICOM file; name an image"):
        io.read(tmp_path / "notes.dcm")


def test_a_claim_that_the_file_can_not_hold(tmp_path):
    ds = image(picture(12), "DX", 12)
    ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    ds.Rows = ds.Columns = 60000
    path = save(ds, tmp_path / "x.dcm")
    with pytest.raises(SegadvError, match="claims 7200000000 bytes of pixels"):
        io.read(path)


def test_damaged_headers_end_in_a_refusal_or_an_image(tmp_path):
    """Every byte of a header overwritten, one at a time."""
    ds = image(picture(8, shape=(4, 4)), "CT", 8, RescaleSlope=1, RescaleIntercept=-1024)
    ds.ModalityLUTSequence = item()
    whole = save(ds, tmp_path / "x.dcm").read_bytes()
    path = tmp_path / "damaged" / "x.dcm"
    path.parent.mkdir()
    refusals = []
    for at in range(132, len(whole)):
        for byte in (0,) if at % 2 else (0xFF,):
            path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
            try:
                io.read(path)
            except SegadvError as error:
                refusals.append(str(error))
    assert len(refusals) > 50
    assert not [text for text in refusals if "\n" in text or not text.startswith(f"{path}: ")]


def test_files_cut_off_anywhere_end_in_a_refusal(tmp_path):
    ds = image(picture(8, shape=(4, 4)), "CR", 8)
    whole = save(ds, tmp_path / "x.dcm").read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(0, len(whole) - 1, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(SegadvError):
            io.read(path)


def test_a_description_shows_no_name(tmp_path):
    ds = image(picture(12), "DX", 12, SeriesDescription="Thorax pa NOBODY, id-77\x1b[2J")
    scan = io.read(save(ds, tmp_path / "x.dcm"))
    assert scan.meta["description"] == "Thorax pa [2J"
    assert Dataset not in map(type, scan.meta.values())


def test_a_ct_of_16_bits_needs_32_only_where_a_slice_does(tmp_path):
    volume = RNG.integers(0, 3000, (3, 8, 9)).astype(np.uint16)
    slices(tmp_path / "usual", volume)
    assert io.read(tmp_path / "usual").array.dtype == np.int16
    volume[1, 2, 3] = 60000
    slices(tmp_path / "metal", volume)
    scan = io.read(tmp_path / "metal")
    assert scan.storage == Storage("int32")
    np.testing.assert_array_equal(scan.array, volume.astype(int) - 1024)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("RescaleSlope", "x "),
        ("RescaleIntercept", "1,5 "),
        ("ImagePositionPatient", "1\\2"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\1\\x "),
        ("PixelSpacing", "0.5 "),
    ],
)
def test_numbers_that_can_not_be_read_are_no_default(tmp_path, keyword, value):
    """A slope that is not a number is not 1."""
    path = made.ct(tmp_path, made.stored_volume((1, 20, 20)))[0]
    ds = pydicom.dcmread(path)
    element = ds[keyword]
    # As text, which holds anything.
    ds[keyword] = pydicom.DataElement(element.tag, "LO", value)
    ds.save_as(path)
    with pytest.raises(SegadvError, match=f"has {keyword} .* not . number"):
        io.read(path)


@pytest.mark.parametrize("step", ["parse", "layout_of", "frames_of"])
def test_full_memory_is_no_fault_of_the_file(tmp_path, monkeypatch, step):
    path = save(image(picture(12), bits=12), tmp_path / "x.dcm")
    monkeypatch.setattr(reading, step, lambda *_, **__: bytes(1 << 62))
    with pytest.raises(SegadvError, match="x.dcm: needs more memory than there is; close other"):
        io.read(path)
