"""Images of three channels whose units differ by a factor of a thousand, and a victim of them."""

from dataclasses import replace

import numpy as np
import torch

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Scan, Storage
from napari_segadv.victims.victim import Victim

CENTRES = {2: (12, 13), 3: (2, 12, 13)}
SIZES = {2: (24, 26), 3: (5, 24, 26)}
SPACINGS = {2: None, 3: (3.0, 0.9, 0.8)}
# Each: the storage type, the intensity around the disc, and how far the disc stands out.
FLAIR, T1, CT = ("int16", 1.0, 100, 300), ("float32", 1.0, 0.1, 0.3), ("int16", 0.5, -50, 200)


def channel(kind, dims=2, seed=0) -> Scan:
    """A disc with noise, in one channel's own intensities."""
    dtype, slope, base, height = kind
    places = np.indices(SIZES[dims], float)
    centre = np.reshape(CENTRES[dims], (-1,) + (1,) * dims)
    inside = ((places - centre) ** 2)[-2:].sum(0) < 45
    noise = np.random.default_rng(seed).normal(size=inside.shape)
    values = base + height * (inside + 0.05 * noise)
    if dtype == "int16" and slope != 1:
        values = np.rint(values / slope) * slope
    plain = Scan.from_array(values.astype(dtype if slope == 1 else np.float32), SPACINGS[dims])
    return replace(plain, storage=Storage(dtype, slope))


def network(x):
    """The disc, seen in all channels alike: their own units differ by a factor of a thousand."""
    kinds = [FLAIR, T1, CT][: x.shape[1]]
    seen = [(x[:, n : n + 1] - base) / height for n, (_, _, base, height) in enumerate(kinds)]
    u = torch.stack(seen).tanh().mean(0) - 0.4
    return 6 * torch.cat([-u, u], 1)


def victim_of(dims=2, channels=3) -> Victim:
    return Victim(
        network,
        name="several",
        dims=dims,
        channels=channels,
        classes=("background", "disc"),
        array_order=True,
        channel_names=("FLAIR", "T1", "CT")[:channels],
    )


def saved(folder, dims=2) -> Scan:
    """An image of three channels, read from their files."""
    paths = [folder / f"case_{number:04d}.nii.gz" for number in range(3)]
    for number, (path, kind) in enumerate(zip(paths, (FLAIR, T1, CT), strict=True)):
        io.save(channel(kind, dims, number), path)
    return sa.read(paths)


def half(victim, scan):
    """The clean prediction without the upper half of its disc."""
    array = victim.predict(scan).array.copy()
    assert 20 < (array[..., :12, :] == 1).sum() < 500
    array[..., :12, :] = 0
    return array
