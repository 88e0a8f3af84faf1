"""DICOM images and segmentations for tests, made by script: no patient's."""

from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    SegmentationStorage,
    generate_uid,
)

# Rows along x and columns along y, turned by 20 degrees about x.
OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.9396926, 0.3420201)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def base(sop: UID, modality: str, study: str = "2.25.11", series: str = "2.25.12") -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = sop, generate_uid(None)
    ds.file_meta.MediaStorageSOPClassUID = sop
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = "2.25.13", ""
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Doe^Jane", "P1", "", "F"
    ds.StudyID, ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "1", "20200102", "101112", "A1"
    ds.ReferringPhysicianName, ds.Manufacturer, ds.Modality = "Roe^Richard", "Maker", modality
    ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = 3, 1, "Thorax"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return ds


def with_pixels(ds: Dataset, stored: np.ndarray, bits: int, photometric="MONOCHROME2") -> Dataset:
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    if stored.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = stored.dtype.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
    return ds


def ct(folder: Path, stored: np.ndarray, orientation=AXIAL, step=3.0, **more) -> list[Path]:
    """Write a series of 12 bits, unsigned, HU = stored - 1024, from foot to head."""
    folder.mkdir(parents=True, exist_ok=True)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(row, column)
    files = []
    for number, plane in enumerate(stored):
        ds = with_pixels(base(CTImageStorage, "CT"), plane.astype(np.uint16), 12)
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
        ds.PixelSpacing, ds.SliceThickness = [0.8, 0.7], step
        ds.ImageOrientationPatient = list(orientation)
        place = np.array([-20.0, -30.0, 40.0]) + number * step * normal
        ds.ImagePositionPatient = [round(float(x), 6) for x in place]
        ds.InstanceNumber, ds.KVP = number + 1, "120"
        ds.WindowCenter, ds.WindowWidth = [40, 300], [400, 1500]
        for keyword, value in more.items():
            setattr(ds, keyword, value)
        files.append(folder / f"s{number:02}.dcm")
        ds.save_as(files[-1], enforce_file_format=True)
    return files


def xray(path: Path, stored: np.ndarray, bits=12, photometric="MONOCHROME2", **more) -> Path:
    """Write a radiograph."""
    ds = with_pixels(base(DigitalXRayImageStorageForPresentation, "DX"), stored, bits, photometric)
    ds.ImagerPixelSpacing = [0.2, 0.2]
    ds.BurnedInAnnotation = "NO"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def stored_volume(shape=(6, 21, 27), seed=0) -> np.ndarray:
    """Stored numbers of 12 bits: air, a body, noise."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    body = (y**2 + x**2) < 0.7
    return (np.where(body, 1060, 20) + rng.integers(0, 40, shape)).astype(np.uint16)


def labels(shape=(6, 21, 27)) -> np.ndarray:
    """Classes 1, 2 and 3, none of which is in the first or the fourth slice."""
    array = np.zeros(shape, np.uint8)
    array[1:3, 3:9, 4:12] = 1
    array[2:3, 12:18, 5:20] = 2
    array[4:, 2:8, 14:25] = 3
    return array


def description(number: int, label: str) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=codes.SCT.Organ,
        algorithm_type="MANUAL",
    )


def seg(
    path: Path, sources, array, kind="BINARY", names=("Liver", "Spleen", "Left kidney"), **more
):
    """Let highdicom write a segmentation."""
    made = hd.seg.Segmentation(
        source_images=[hd.imread(file) for file in sources],
        pixel_array=array,
        segmentation_type=kind,
        segment_descriptions=[description(n, name) for n, name in enumerate(names, start=1)],
        series_instance_uid=generate_uid(None),
        series_number=9,
        sop_instance_uid=generate_uid(None),
        instance_number=1,
        manufacturer="Maker",
        manufacturer_model_name="Model",
        software_versions="1",
        device_serial_number="1",
        **more,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path)
    return path


def bare_seg(path: Path, masks: np.ndarray, *, numbers=None, positions=None, named=(), **more):
    """Write a binary segmentation with the fewest entries, as small scripts do."""
    ds = base(SegmentationStorage, "SEG")
    count, ds.Rows, ds.Columns = masks.shape
    ds.NumberOfFrames, ds.SamplesPerPixel = count, 1
    ds.PhotometricInterpretation, ds.SegmentationType = "MONOCHROME2", "BINARY"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    packed = np.packbits(masks.ravel().astype(bool), bitorder="little").tobytes()
    ds.PixelData = packed + b"\0" * (len(packed) % 2)
    ds["PixelData"].VR = "OB"
    ds.SegmentSequence = [item(SegmentNumber=n, SegmentLabel=text) for n, text in named]
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.8, 0.7], SliceThickness=3.0)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(AXIAL))],
    )
    frames = []
    for index in range(count):
        frame = Dataset()
        where = (-20.0, -30.0, 40.0 + 3 * index) if positions is None else positions[index]
        frame.PlanePositionSequence = [item(ImagePositionPatient=list(where))]
        if numbers is not None:
            frame.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=numbers[index])]
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = frames
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def item(**entries) -> Dataset:
    ds = Dataset()
    for keyword, value in entries.items():
        setattr(ds, keyword, value)
    return ds


def rtstruct(path: Path, structures: dict[int, tuple[str, list]], kind="CLOSED_PLANAR") -> Path:
    """Write contours: by ROI number a name and lists of corners (n, 3), mm in (x, y, z)."""
    ds = base(RTStructureSetStorage, "RTSTRUCT")
    ds.StructureSetROISequence = [
        item(ROINumber=number, ROIName=name) for number, (name, _) in structures.items()
    ]
    ds.ROIContourSequence = [
        item(
            ReferencedROINumber=number,
            ContourSequence=[
                item(
                    ContourGeometricType=kind,
                    NumberOfContourPoints=len(corners),
                    ContourData=[f"{x:.6g}" for x in np.ravel(corners)],
                )
                for corners in drawn
            ],
        )
        for number, (_, drawn) in structures.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path
