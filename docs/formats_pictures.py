"""Makes the pictures of docs/formats.md: python docs/formats_pictures.py

Two X-rays are written as DICOM from a phantom, of 12 bits and as a film that is stored inverted.
Each is shown with what the built-in network finds in it: as stored, and as its header says.
"""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from matplotlib.figure import Figure
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

import napari_segadv as sa
from napari_segadv.common.palette import colour
from napari_segadv.data.presentation import Presentation
from napari_segadv.data.scan import Array, Scan
from napari_segadv.samples import phantom

IMAGES = Path(__file__).parent / "images"
# What an 8-bit screen shows of numbers that nobody has presented to it.
AS_STORED = Presentation.between(0, 255, "as stored")
# The levels of a colour channel of the picture are multiples of this.
LEVEL = 6
# Grey levels of the X-ray of 12 bits, for each level of the phantom's 256.
STEP = 16


def x_ray(pixels: Array, bits: int, **elements: Any) -> Dataset:
    """An X-ray as DICOM; `elements` are added by their keywords."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.Rows, ds.Columns = "DX", *pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, 0
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def x_rays() -> dict[str, Dataset]:
    """The X-rays by the names of their pictures."""
    grey = phantom("chest-xray", seed=20001)[0].array
    return {
        "formats-12-bit": x_ray(
            grey.astype(np.uint16) * STEP, 12, WindowCenter=128 * STEP, WindowWidth=256 * STEP
        ),
        "formats-monochrome1": x_ray(255 - grey, 8, PhotometricInterpretation="MONOCHROME1"),
    }


def shown(scan: Scan, presentation: Presentation, labels: Array | None) -> Array:
    """The image as a screen shows it, 0 to 1 in RGB, under the colours of its labels."""
    picture = np.repeat(presentation(scan.array)[..., None], 3, axis=-1)
    for number in () if labels is None else range(1, int(labels.max()) + 1):
        inside = labels == number
        picture[inside] = 0.5 * picture[inside] + 0.5 * np.array(colour(number)[:3])
    return picture


def draw(ds: Dataset, path: Path) -> None:
    """Draw an X-ray and its prediction, as stored and as its header says."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x-ray.dcm"
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        scan = sa.read(file)
    victim = sa.load_victim("demo:chest-xray")
    columns = {
        "as stored": (AS_STORED, victim.predict(scan, present="none")),
        "as the header says": (scan.shown, victim.predict(scan)),
    }
    figure = Figure(figsize=(6.4, 6.6), dpi=100)
    for number, (title, (presentation, prediction)) in enumerate(columns.items(), start=1):
        for row, labels in enumerate((None, prediction.array)):
            axes = figure.add_subplot(2, 2, 2 * row + number)
            axes.imshow(shown(scan, presentation, labels))
            axes.set_axis_off()
            if labels is None:
                axes.set_title(title)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.95, 0.02, 0.02)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    # Fewer levels make a smaller file; a palette would give patches the colour of other classes.
    levels = np.asarray(Image.open(drawn).convert("RGB")).astype(int)
    coarse = np.minimum(255, (levels + LEVEL // 2) // LEVEL * LEVEL).astype(np.uint8)
    Image.fromarray(coarse).save(path, optimize=True)


if __name__ == "__main__":
    for name, ds in x_rays().items():
        draw(ds, IMAGES / f"{name}.png")
