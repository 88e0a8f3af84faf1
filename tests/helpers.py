"""Small images, networks and files for tests."""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from napari_segadv.data.scan import Mask, Scan
from napari_segadv.victims.preprocessing.chain import Transform
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import SlidingWindows

# Real images beside the project; tests that need them skip where they are missing.
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# Seconds until a test gives up waiting, for the event loop, a thread or a process. All of them are
# done within seconds where nothing else runs; a machine with many processes for each core takes
# twenty times as long. Half of a test's own limit (pyproject.toml).
PATIENCE = 300

ARGUMENTS = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8, 16],
    "strides": [2, 2],
}
# Scales bytes to the range 0 to 1, as most networks of these tests expect.
BYTES = Transform("ScaleIntensityRange", {"a_min": 0.0, "a_max": 255.0, "b_min": 0.0, "b_max": 1.0})
DESCRIPTION = {"classes": ["background", "a", "b"], "dims": 2, "window": [0, 255]}


def finish(run):
    """Run a generator to its end; return its result and all that it yielded."""
    states = []
    while True:
        try:
            states.append(next(run))
        except StopIteration as stop:
            return stop.value, states


def disc_image(shape=(48, 64), seed=0) -> np.ndarray:
    """Two bright discs on a darker, noisy ground, as bytes."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 60 + 10 * rng.standard_normal(shape)
    image += 70 * (np.hypot(y - shape[0] * 0.5, x - shape[1] * 0.3) < shape[0] * 0.25)
    image += 120 * (np.hypot(y - shape[0] * 0.5, x - shape[1] * 0.75) < shape[0] * 0.2)
    return np.clip(image, 0, 255).astype(np.uint8)


def disc_labels(shape=(48, 64)) -> np.ndarray:
    """The discs of `disc_image` as classes 1 and 2."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.uint8)
    labels[np.hypot(y - shape[0] * 0.5, x - shape[1] * 0.3) < shape[0] * 0.25] = 1
    labels[np.hypot(y - shape[0] * 0.5, x - shape[1] * 0.75) < shape[0] * 0.2] = 2
    return labels


def bands(thresholds=(95.0, 155.0), dims=2, channels=1) -> torch.nn.Module:
    """A network whose classes are intensity bands of a locally averaged image.

    Its logits are distances to the bands' middles, so what an attack must do is known: move the
    average across a threshold.
    """
    conv = torch.nn.Conv2d if dims == 2 else torch.nn.Conv3d
    smooth = conv(channels, 1, 3, padding=1, padding_mode="replicate", bias=False)
    smooth.weight.data.fill_(1.0 / smooth.weight.numel())
    middles = torch.tensor([60.0, 130.0, 180.0])
    score = conv(1, 3, 1)
    score.weight.data = (middles / 255).reshape(3, 1, *[1] * dims) * 40
    score.bias.data = -20 * (middles / 255) ** 2
    return torch.nn.Sequential(smooth, score).eval()


def band_victim_of(classes, **more) -> Victim:
    """The bands on bytes, with names for the three."""
    known = {"name": "bands", "dims": 2, "steps": (BYTES,), **more}
    return Victim(bands(), classes=tuple(classes), **known)


def mask_on(scan: Scan, labels: np.ndarray, classes=()) -> Mask:
    return Mask(labels, scan.grid, tuple(classes))


def write_series(
    folder: Path,
    volume: np.ndarray,
    *,
    description="abdomen",
    modality="CT",
    skip=(),
    names="{:03d}.dcm",
):
    """Write stored numbers (z, y, x) as a series, HU = stored - 1024, head first."""
    folder.mkdir(exist_ok=True, parents=True)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    files = []
    for z, picture in enumerate(volume):
        if z in skip:
            continue
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / names.format(z)
        ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = (
            meta.MediaStorageSOPClassUID,
            meta.MediaStorageSOPInstanceUID,
        )
        ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = series, study, frame
        ds.Modality, ds.SeriesDescription, ds.PatientID = modality, description, "nobody"
        ds.InstanceNumber, ds.SeriesNumber = z + 1, 1
        ds.ImagePositionPatient = [-10.0, 20.0, 5.0 + 2.5 * z]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [0.8, 0.7], 2.5
        ds.Rows, ds.Columns = picture.shape
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.WindowCenter, ds.WindowWidth = 40, 400
        ds.PixelData = picture.astype(np.uint16).tobytes()
        ds.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def small_network() -> torch.nn.Module:
    """A UNet of `ARGUMENTS`, with the same weights every time."""
    from monai.networks.nets import UNet

    torch.manual_seed(0)
    return UNet(**ARGUMENTS).eval()


def small_unet() -> torch.nn.Module:
    """A frozen 3-D UNet of three classes."""
    from monai.networks.nets import UNet

    torch.manual_seed(0)
    net = UNet(3, 1, 3, (4, 8, 16), (2, 2), num_res_units=1).eval()
    return net.requires_grad_(False)


def save_small_victim(folder: Path) -> Path:
    """Write the weights of `small_network` with a description; return their file."""
    path = folder / "net.pt"
    torch.save(small_network().state_dict(), path)
    describe(path, network="UNet", arguments=ARGUMENTS)
    return path


def describe(path: Path, **more) -> None:
    path.with_suffix(".json").write_text(json.dumps({**DESCRIPTION, **more}))


def save_torchscript(network, folder, name="net.ts"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(network), folder / name)
    describe(folder / name)
    return folder / name


def save_torchscript_as_pt(network, folder):
    return save_torchscript(network, folder, "net.pt")


def save_exported(network, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(network, (torch.zeros(1, 1, 48, 64),))
        torch.export.save(program, folder / "net.pt2")
    describe(folder / "net.pt2")
    return folder / "net.pt2"


# Loading the files that these write can run code, so somebody has to agree first.
SAVE_AS_CODE = (save_torchscript, save_torchscript_as_pt, save_exported)


def save_bundle(network, folder, config, metadata=None):
    """Write a MONAI bundle of weights and a configuration, with metadata only if given."""
    root = folder / "bundle"
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    if metadata is not None:
        (root / "configs" / "metadata.json").write_text(json.dumps(metadata))
    torch.save(network.state_dict(), root / "models" / "model.pt")
    return root


def bundle(network, folder, preprocessing=None, definition=None, **more):
    """Write a MONAI bundle with all the usual parts; `more` adds parts or replaces them."""
    window = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": "@low", "a_max": 255}
    config = {
        "imports": ["$import glob"],
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "low": 0,
        "network_def": definition or {"_target_": "UNet", **ARGUMENTS},
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": preprocessing
            or [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                {**window, "b_min": 0.0, "b_max": 1.0, "clip": True},
            ],
        },
        "inferer": {"_target_": "SimpleInferer"},
        **more,
    }
    channels = {str(n): name for n, name in enumerate(DESCRIPTION["classes"])}
    metadata = {
        "name": "small",
        "network_data_format": {
            "inputs": {"image": {"num_channels": 1, "spatial_shape": [48, 64]}},
            "outputs": {"pred": {"channel_def": channels}},
        },
    }
    return save_bundle(network, folder, config, metadata)


def volume_victim(dims):
    """Bands over a volume, with an overlapping sliding window or slice by slice."""
    window = Transform(
        "ScaleIntensityRange",
        {"a_min": -60.0, "a_max": 240.0, "b_min": 0.0, "b_max": 1.0, "clip": True},
    )
    windows = SlidingWindows((16, 16, 16), overlap=(0.25,)) if dims == 3 else None
    return Victim(
        bands(dims=dims),
        name=f"bands {dims}-D",
        dims=dims,
        steps=(window,),
        windows=windows,
    )
