"""DICOM files that tests write: pictures, slices, enhanced images, and their transfer syntaxes."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
}
ENHANCED_CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(pixels, modality="DX", bits=None, photometric="MONOCHROME2", **elements) -> FileDataset:
    """An image in memory; `elements` are added by their keywords, and left out where None."""
    pixels = np.asarray(pixels)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CLASSES[modality]
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = CLASSES[modality], meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientName, ds.PatientID, ds.Modality = "Nobody^Nemo", "id-77", modality
    ds.SeriesNumber, ds.InstanceNumber, ds.ImageType = 1, 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
    put_pixels(ds, pixels, bits, photometric)
    change(ds, elements)
    return ds


def put_pixels(ds, pixels, bits=None, photometric="MONOCHROME2"):
    """Give a data set its pixels: (rows, columns), or RGB last; frames first."""
    size = 8 * pixels.dtype.itemsize
    samples = 3 if photometric.startswith(("RGB", "YBR")) else 1
    shape = pixels.shape[:-1] if samples == 3 else pixels.shape
    if len(shape) == 3:
        ds.NumberOfFrames = shape[0]
    ds.Rows, ds.Columns = shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = samples, photometric
    if samples == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored = size, bits or size
    ds.HighBit, ds.PixelRepresentation = (bits or size) - 1, int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OW" if size > 8 else "OB"


def change(ds, elements):
    for keyword, value in elements.items():
        if value is not None:
            setattr(ds, keyword, value)
        elif keyword in ds:
            del ds[keyword]


def save(ds, path, syntax=ExplicitVRLittleEndian, preamble=True) -> Path:
    """Write a data set in an uncompressed transfer syntax, or as it is if it is compressed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not ds.file_meta.TransferSyntaxUID.is_compressed:
        ds.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        if ds.BitsAllocated > 8:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.set_original_encoding(False, False)
        ds.save_as(path, enforce_file_format=True)
        return path
    ds.save_as(path, enforce_file_format=True)
    if not preamble:
        # What old archives hold: the elements alone, without meta information.
        whole = path.read_bytes()
        assert syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
        length = 144 + int.from_bytes(whole[140:144], "little")
        path.write_bytes(whole[length:])
    return path


def lookup(entries, first=0, bits=16) -> Dataset:
    """An item of a Modality LUT or VOI LUT Sequence."""
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [len(entries), first, bits], "US"
    item.add_new("LUTData", "US", [int(entry) for entry in entries])
    return item


def slices(
    folder,
    volume,
    *,
    modality="CT",
    orientation=AXIAL,
    origin=(-10.0, 20.0, 5.0),
    step=2.5,
    shear=(0.0, 0.0, 0.0),
    spacing=(0.8, 0.7),
    names="{:03d}.dcm",
    same=None,
    **elements,
) -> list[Path]:
    """Write stored numbers (z, y, x) as the slices of a series.

    Args:
        folder: for the files.
        volume: the numbers.
        step: mm along the normal.
        shear: mm that each slice is moved besides.
        same: elements that are equal in all slices; new UIDs if None.
    """
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    move = np.cross(row, column) * step + np.array(shear)
    same = same or {
        "SeriesInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
    }
    files = []
    for z, picture in enumerate(np.asarray(volume)):
        place = [float(round(mm, 6)) for mm in np.array(origin) + z * move]
        facts = {
            "ImagePositionPatient": place,
            "ImageOrientationPatient": list(orientation),
            "PixelSpacing": list(spacing),
            "SliceThickness": step,
            "InstanceNumber": z + 1,
            **({"RescaleSlope": 1, "RescaleIntercept": -1024} if modality == "CT" else {}),
            **same,
            **elements,
        }
        files.append(save(image(picture, modality, **facts), Path(folder) / names.format(z)))
    return files


def enhanced(volume, order=None, slopes=None, sop_class=ENHANCED_MR, **elements) -> FileDataset:
    """An enhanced image: frames at 3 mm in the order given, each with its own rescale if asked."""
    volume = np.asarray(volume)
    order = list(range(len(volume))) if order is None else order
    ds = image(volume[order], "MR", **elements)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = sop_class
    shared, frames = Dataset(), []
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=list(AXIAL))
    shared.PixelMeasuresSequence = item(PixelSpacing=[0.8, 0.7], SliceThickness=3.0)
    for z in order:
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[-10.0, 20.0, 5.0 + 3.0 * z])
        slope, intercept = slopes[z] if slopes else (1, 0)
        frame.PixelValueTransformationSequence = item(
            RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US"
        )
        frame.FrameVOILUTSequence = item(WindowCenter=500, WindowWidth=400)
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return ds


def item(**elements) -> Sequence:
    ds = Dataset()
    change(ds, elements)
    return Sequence([ds])
