"""Where a run comes from, as names and values: image, model, attack and what computed it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...common.budgets import norm_name
from ...common.wording import counted, with_units
from ...data.scan import Grid, Scan
from ..example import Example
from ..provenance import hash_of
from ..tables import ensemble
from .privacy import file_name, from_dicom, last_part, path_parameters, shown_name

Facts = list[tuple[str, str]]

# What DICOM's names of modalities stand for.
MODALITIES = {
    "CT": "computed tomography (CT)",
    "MR": "magnetic resonance (MR)",
    "DX": "digital X-ray (DX)",
    "CR": "computed radiography (CR)",
    "MG": "mammography (MG)",
    "XA": "angiography (XA)",
    "RF": "fluoroscopy (RF)",
    "US": "ultrasound (US)",
    "PT": "positron emission tomography (PT)",
    "NM": "nuclear medicine (NM)",
    "OP": "fundus photography (OP)",
    "SC": "secondary capture (SC)",
}
TRUST = {
    "built-in": "built in",
    "data": "weights only; no code of its file runs",
    "code": "its file holds code, which somebody agreed to run",
}
TASKS = {
    "segmentation": "segmentation: a structure for each pixel",
    "classification": "classification: a class for the whole image",
    "detection": "detection: boxes around findings",
}
ROLES = {
    "truth": "true labels given",
    "region": "where the image may change",
    "care": "pixels that count",
}
NOT_RECORDED = "not recorded by the version that made this run"


def image_facts(scan: Scan) -> Facts:
    """Describe an image without saying whose it is."""
    found = [("kind", _kind(scan))]
    if name := file_name(scan):
        found.append(("file", name))
    found.append(("size", _size(scan.grid)))
    found += _spacing(scan.grid)
    if not scan.parts:
        return [*found, *_numbers(scan)]
    for number, part in enumerate(scan.parts, start=1):
        found += [(f"channel {number}, {name}", words) for name, words in _numbers(part)]
    return found


def _numbers(scan: Scan) -> Facts:
    """Describe the intensities of an image, and how its file stores them."""
    low, high = scan.array.min(), scan.array.max()
    units = "Hounsfield units (HU)" if scan.units == "HU" else f"{scan.units}s"
    storage = scan.storage
    step = f", in steps of {with_units(f'{storage.quantum:g}', scan.units)}"
    return [
        ("intensities", f"{low:g} to {high:g}, in {units}"),
        ("stored as", storage.dtype + (step if storage.integer else "")),
    ]


def _kind(scan: Scan) -> str:
    modality = str(scan.meta.get("modality", "")).upper()
    if from_dicom(scan):
        known = MODALITIES.get(modality)
        kind = known or ("CT" if scan.units == "HU" else "medical image")
        return f"{kind}, from DICOM files"
    shape = "volume" if scan.grid.ndim == 3 else "image"
    if scan.parts:
        return f"{shape} of {scan.channels} channels"
    kind = "CT" if scan.units == "HU" else "colour" if scan.colour else "grey-scale"
    drawn = scan.path is None and "phantom" in scan.meta
    return f"{kind} {shape}" + (", a phantom: drawn by a program, no patient" if drawn else "")


def _size(grid: Grid) -> str:
    rows, columns = grid.shape[-2:]
    plane = f"{rows} x {columns} pixels (rows x columns)"
    return plane if grid.ndim == 2 else f"{counted(grid.shape[0], 'slice')} of {plane}"


def _spacing(grid: Grid) -> Iterator[tuple[str, str]]:
    if not grid.physical:
        yield "spacing", "not known: lengths and areas are in pixels"
        return
    down, across = grid.spacing[-2:]
    apart = f"; slices {grid.spacing[0]:.4g} mm apart" if grid.ndim == 3 else ""
    yield "spacing", f"pixels of {down:.4g} x {across:.4g} mm{apart}"
    extent = [n * s / 10 for n, s in zip(grid.shape, grid.spacing, strict=True)]
    yield "extent", " x ".join(f"{length:.3g}" for length in extent) + " cm"


def model_facts(example: Example) -> Facts:
    """Describe the model: what it is, what it looks for, and what it does to an image first."""
    victim: Mapping[str, Any] = example.record["victim"]
    built_in = victim.get("trust") == "built-in"
    path = str(victim.get("path") or "")
    name = path if built_in else str(victim.get("name") or last_part(path) or "model")
    task = str(victim.get("task"))
    found = [
        ("name", name),
        ("task", TASKS.get(task, task)),
        ("classes", ", ".join(f"{n} {one}" for n, one in enumerate(victim.get("classes", ())))),
        ("source", TRUST.get(str(victim.get("trust")), NOT_RECORDED)),
        ("how it sees an image", _seen_as(example)),
    ]
    steps, calls = victim.get("preprocessing"), victim.get("calls")
    if isinstance(calls, int):
        found.append(("program", f"started {counted(calls, 'time')}; only its mask is known"))
        found.append(("preparation", "not known: the program prepares the image itself"))
    elif isinstance(steps, list):
        found += [(f"step {n}", _step(one)) for n, one in enumerate(steps, start=1)]
        if not steps:
            found.append(("preparation", "none: it takes the image's numbers"))
        found.append(("looks at", _looks_at(victim, example.clean.grid)))
    else:
        found.append(("preparation", NOT_RECORDED))
    ranges = [("range it distinguishes", example.window, example.clean.units)]
    if example.channels:
        ranges = [
            (f"range it distinguishes, {one.name}", one.window, one.units)
            for one in example.channels
        ]
    for name, (low, high), units in ranges:
        found.append((name, f"{low:g} to {with_units(f'{high:g}', units)}"))
    return found


def _seen_as(example: Example) -> str:
    shown = example.record.get("presentation")
    if not isinstance(shown, Mapping):
        return "by its own numbers, as they are in the file"
    low, high = shown["limits"]
    black, white = shown["shown_as"]
    inverted = ", inverted" if shown.get("inverted") else ""
    return (
        f"through the {shown['source']}{inverted}, {low:g} to "
        f"{with_units(f'{high:g}', example.clean.units)}, spread over {black:g} to {white:g}"
    )


def _step(one: Any) -> str:
    """Describe a step of the preprocessing in words, or by its name and arguments."""
    name, given = str(one.get("step")), one.get("arguments")
    a: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    listed = ", ".join(f"{key} {_plain(value)}" for key, value in a.items())
    exact = f"{name}({listed})"
    try:
        words = _words(name, a)
    except (KeyError, TypeError, ValueError):
        words = ""
    return f"{words} [{exact}]" if words else exact


def _words(name: str, a: Mapping[str, Any]) -> str:
    match name:
        case "ScaleIntensityRange":
            cut = "; what lies outside is cut off" if a.get("clip") else ""
            ends = [f"{float(a[name]):g}" for name in ("a_min", "a_max", "b_min", "b_max")]
            return f"{ends[0]} to {ends[1]} become {ends[2]} to {ends[3]}{cut}"
        case "ScaleIntensity":
            return "the lowest and the highest intensity become fixed numbers"
        case "NormalizeIntensity":
            return "intensities are shifted and scaled to a mean of 0 and a deviation of 1"
        case "Orientation":
            return f"axes are turned to {a['axcodes']}"
        case "Spacing":
            return f"resampled to pixels of {_plain(a['pixdim'])} mm"
        case "Resize":
            return f"resized to {_plain(a['spatial_size'])} pixels"
        case "CropForeground":
            return "cut to the part that holds something"
        case _ if "Pad" in name:
            return "widened by a margin"
        case _ if "Crop" in name:
            return "cut to a part"
        case _:
            return ""


def _plain(value: Any) -> str:
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)


def _looks_at(victim: Mapping[str, Any], grid: Grid) -> str:
    by_slice = victim.get("dims") == 2 and grid.ndim == 3
    whole = "each slice by itself" if by_slice else "the whole image at once"
    patches = victim.get("patches")
    if not isinstance(patches, Mapping):
        return whole
    size = _plain(patches["size"])
    return f"overlapping patches of {size} pixels" + (", slice by slice" if by_slice else "")


def attack_facts(example: Example) -> Facts:
    """Describe the attack: method, budget, limits and parameters."""
    record, scan = example.record, example.clean
    found = [("method", str(record["method"])), ("budget", budget_words(example))]
    shares = [f"{one.name} {100 * one.share:g} %" for one in example.channels]
    if shares:
        found.append(("share of the budget of each channel", ", ".join(shares)))
    for role, words in ROLES.items():
        given = record.get("inputs", {}).get(role)
        if given is not None:
            found.append((words, _given(given, role, scan)))
    if "slices" in record:
        first, last = record["slices"]
        found.append(("slices that may change", f"{first} to {last}, counted from 0"))
    others = record.get("surrogates", ())
    if others:
        names = ", ".join(str(one.get("name") or last_part(str(one["path"]))) for one in others)
        found.append(("made on stand-ins (surrogates)", names))
    settings = {k: v for k, v in record["parameters"].items() if k not in ("epsilon", "norm")}
    settings |= {k: shown_name(settings[k], scan, "a file") for k in path_parameters(record)}
    found.append(("parameters", ", ".join(f"{k} {_setting(v)}" for k, v in settings.items())))
    if record.get("precision") == "bfloat16":
        found.append(("precision of the steps before the last ones", "bfloat16"))
    found.append(("steps taken", str(record["steps"])))
    return [*found, *ensemble(record)]


def _setting(value: Any) -> str:
    return "none" if value is None else _plain(value)


def _given(given: Any, role: str, scan: Scan) -> str:
    if isinstance(given, str):
        return given
    path = given.get("path") if isinstance(given, Mapping) else None
    return "painted or computed" if path is None else shown_name(path, scan, f"a {role} file")


def budget_words(example: Example) -> str:
    """Describe the budget in the image's units, and as a share of the window."""
    budget, units = example.record["budget"], str(example.record["budget"]["units"])
    epsilon = budget.get("epsilon")
    if epsilon is None:
        return "none: the attack keeps the change small by itself"
    size = with_units(f"{epsilon:.4g}", units)
    kind = "L2, less on texture" if budget["norm"] == "visible" else "L2"
    if example.channels:
        rms = epsilon / np.sqrt(example.clean.array.size)
        if budget["norm"] == "linf":
            return f"no pixel of a channel may change by more than {epsilon:.4g} % of its window"
        return (
            f"the whole change, in % of the channels' windows, may have a length ({kind}) of "
            f"{epsilon:.4g}: {rms:.3g} % RMS"
        )
    low, high = example.window
    share = budget.get("epsilon_percent_of_window")
    window = f"the model's window of {with_units(f'{high - low:g}', units)}"
    part = "" if share is None else f", {share:.2g} % of {window}"
    if budget["norm"] == "linf":
        return f"no pixel may change by more than {size} (Linf){part}"
    rms = with_units(f"{epsilon / np.sqrt(example.clean.array.size):.3g}", units)
    typical = "" if share is None else f", {share:.2g} % of {window}"
    return f"the whole change may have a length ({kind}) of {size}: {rms} RMS{typical}"


def budget_in_brief(example: Example) -> str:
    """Return the budget in a few words."""
    budget = example.record["budget"]
    epsilon, share = budget.get("epsilon"), budget.get("epsilon_percent_of_window")
    if epsilon is None:
        return "none"
    norm = "" if budget["norm"] == "linf" else f" ({norm_name(str(budget['norm']))})"
    part = "" if share is None or example.channels else f", {share:.2g} % of the window"
    return f"{with_units(f'{epsilon:.4g}', str(budget['units']))}{norm}{part}"


def hashes(example: Example, stored: Mapping[str, Any] | None) -> Facts:
    """Return what identifies image, model, target and the adversarial image.

    Args:
        example: the run.
        stored: what `result.json` says of the adversarial file; None if the run is not saved.
    """
    record = example.record
    found = [("image", record["image"].get("sha256")), ("model", record["victim"].get("sha256"))]
    for number, one in enumerate(record.get("surrogates", ()), start=1):
        found.append((f"surrogate {number}", one.get("sha256")))
    if isinstance(record.get("generator"), Mapping):
        found.append(("generator", record["generator"].get("sha256")))
    for role in ("target", "truth", "region", "care"):
        given = record.get("inputs", {}).get(role)
        if isinstance(given, Mapping):
            kind = "pixels" if given.get("path") is None else "file"
            found.append((f"{role} ({kind})", given.get("sha256")))
    found.append(("adversarial image (pixels)", hash_of(example.adversarial.array)))
    if stored is not None:
        found.append(("adversarial image (file)", stored.get("sha256")))
    return [(name, str(value)) for name, value in found if value]


def machine_facts(record: Mapping[str, Any]) -> Facts:
    """Describe what computed the run."""
    versions: Mapping[str, Any] = record.get("versions", {})
    ours = versions.get("napari-segadv", NOT_RECORDED)
    others = ", ".join(f"{k} {v}" for k, v in versions.items() if k != "napari-segadv")
    found = [
        ("napari-segadv", str(ours)),
        ("computed with", others or NOT_RECORDED),
        ("seed of the random numbers", str(record["seed"])),
        ("device", _joined([record.get("device"), record.get("processor")])),
        ("threads", str(record.get("threads", NOT_RECORDED))),
    ]
    seconds = record.get("seconds")
    return (
        [*found, ("time that it took", f"{seconds:.3g} s")]
        if isinstance(seconds, (int, float))
        else found
    )


def _joined(parts: Sequence[Any]) -> str:
    return ", ".join(str(part) for part in parts if part) or NOT_RECORDED
