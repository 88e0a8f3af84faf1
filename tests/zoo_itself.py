"""Bundles of the zoo's forms as files with seeded weights, and what MONAI itself makes of them.

`theirs` runs a bundle as MONAI does: its own parser, loaders, transforms, inferer and inversion.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from helpers import disc_image
from PIL import Image
from zoo import whole


def save_zoo(folder: Path, config: dict, meta: dict, arch: dict | None = None) -> Path:
    """Write a bundle with seeded weights; `arch` is the file of a searched architecture."""
    root = folder / "Zoo"
    for name in ("configs", "models", "docs"):
        (root / name).mkdir(parents=True)
    (root / "configs" / "inference.json").write_text(json.dumps(whole(config)))
    (root / "configs" / "metadata.json").write_text(json.dumps(meta))
    if arch is not None:
        torch.save(arch, root / "models" / "search_code_18590.pt")
    torch.manual_seed(1)
    network = parser_of(root).get_parsed_content("network_def")
    torch.save(network.state_dict(), root / "models" / "model.pt")
    return root


def parser_of(root: Path) -> Any:
    """MONAI's own parser, as `monai.bundle run --bundle_root` sets it up; on the CPU."""
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    config = json.loads((root / "configs" / "inference.json").read_text())
    text = json.dumps(config).replace("torch.device('cuda')", "torch.device('cpu')")
    text = text.replace("/workspace/models/pancreas", str(root))
    # Arrays in it, which a newer torch refuses to read by default.
    text = text.replace("map_location=", "weights_only=False, map_location=")
    parser.read_config(json.loads(text))
    parser["bundle_root"] = str(root)
    return parser


def theirs(
    root: Path, path: Path | list[Path] | None, **given: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """What MONAI makes of an image file: the network's output, and what the bundle would save.

    Several files are its channels. `given` are further entries that the transforms look for, such
    as clicks; without a path, the images as well.
    """
    files = [str(one) for one in path] if isinstance(path, list) else str(path)
    image = {} if path is None else {"image": files}
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        data = parser.get_parsed_content("preprocessing")({**image, **given})
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        inferer = parser.get_parsed_content("inferer")
        logits = inferer(data["image"][None], network)[0]
        data["pred"] = logits.clone()
        saved = parser.get_parsed_content("postprocessing")(data)["pred"]
    return logits.as_tensor() if hasattr(logits, "as_tensor") else logits, torch.as_tensor(saved)


def save_ct(folder: Path) -> Path:
    """A volume as NIfTI, anisotropic and flipped, with a sphere and a cuboid."""
    rng = np.random.default_rng(3)
    x, y, z = np.mgrid[:44, :40, :18]
    volume = rng.normal(-60, 25, (44, 40, 18))
    volume += 150 * (np.hypot(np.hypot(x - 16, y - 18), (z - 9) * 1.6) < 9)
    volume[26:38, 12:30, 4:13] += 320
    volume[:3] = -1000
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([-1.3, 1.2, 2.2, 1.0]))
    nibabel.save(image, folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


def save_colour(folder: Path) -> Path:
    """A photograph as PNG."""
    picture = np.dstack([disc_image(seed=n) // (n + 1) + 20 for n in range(3)])
    Image.fromarray(picture.astype(np.uint8)).save(folder / "eye.png")
    return folder / "eye.png"
