"""Victim files that try to run code unasked: what each does, and what has to become of it."""

import io
import json
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from helpers import (
    ARGUMENTS,
    bundle,
    describe,
    save_bundle,
    save_exported,
    save_torchscript,
    small_network,
)

NETWORK = {"_target_": "UNet", **ARGUMENTS}
# Metadata that say no more than that the network is 2-D.
PLANE = {"network_data_format": {"inputs": {"image": {"spatial_shape": [48, 64]}}}}
RANGE = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255}
RANGE |= {"b_min": 0.0, "b_max": 1.0}
WINDOWS = {"_target_": "SlidingWindowInferer"}
# What becomes of a file: somebody is asked, it is refused, or it is loaded and the code left alone.
ASKED, REFUSED, LOADS = "asked", "refused", "loads"


@dataclass(frozen=True)
class Hostile:
    """One file.

    Attributes:
        ends: ASKED, REFUSED or LOADS.
        make: called as make(folder, trace); returns the path to load. The code makes the trace.
        shown: what the question has to list, word for word; {trace} and {code} are filled in.
        agree: whether the test agrees; what would fetch something it does not.
        runs: whether the trace is left after a yes; nobody runs it if MONAI or torch refuse.
    """

    ends: str
    make: Callable[[Path, Path], Path]
    shown: tuple[str, ...] = ()
    agree: bool = True
    runs: bool = True


def touching(trace: Path) -> str:
    """Python that leaves a trace, as an expression without a value."""
    return f"open({str(trace)!r}, 'w').close()"


def filled(value: Any, trace: Path, root: Path) -> Any:
    """A part of a configuration with {code}, {trace} and {root} filled in."""
    if isinstance(value, dict):
        return {filled(k, trace, root): filled(v, trace, root) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(one, trace, root) for one in value]
    if not isinstance(value, str):
        return value
    known = {"{code}": touching(trace), "{trace}": str(trace), "{root}": str(root)}
    for word, text in known.items():
        value = value.replace(word, text)
    return value


def planted(root: Path, trace: Path) -> None:
    """Modules that leave a trace when they are imported, and configurations that do when read."""
    code = (
        f"{touching(trace)}\nfrom monai.networks.nets import UNet as Net\nReader = Writer = Net\n"
    )
    code += "evil = lambda *a, **k: 0\nfloat32 = evil\n"
    (root / "planted.py").write_text(code)
    (root / "scripts").mkdir()
    (root / "scripts" / "net.py").write_text(code)
    log = "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n[logger_root]\n"
    log += f"handlers=h\n[handler_h]\nclass=StreamHandler\nargs=({touching(trace)},)\n"
    (root / "evil.conf").write_text(log)
    (root / "other.json").write_text(json.dumps({"part": f"${touching(trace)}"}))


def network(change: dict, **more) -> Callable[[Path, Path], Path]:
    """A bundle whose network has other arguments, and which has other parts."""

    def make(folder: Path, trace: Path) -> Path:
        root = folder / "bundle"
        definition = filled({**NETWORK, **change}, trace, root)
        bundle(small_network(), folder, None, definition)
        config = root / "configs" / "inference.json"
        content = json.loads(config.read_text()) | filled(more, trace, root)
        config.write_text(json.dumps(content))
        planted(root, trace)
        return root

    return make


def whole(config: dict, metadata: dict | None = None) -> Callable[[Path, Path], Path]:
    """A bundle with a configuration of its own."""

    def make(folder: Path, trace: Path) -> Path:
        root = folder / "bundle"
        parts = [filled(part, trace, root) for part in (config, metadata or PLANE)]
        save_bundle(small_network(), folder, *parts)
        planted(root, trace)
        return root

    return make


def steps(*listed: dict | str, **more) -> Callable[[Path, Path], Path]:
    """A bundle with other transforms."""
    composed = {"_target_": "Compose", "transforms": list(listed), **more}
    return network({}, preprocessing=composed)


def yaml(text: str) -> Callable[[Path, Path], Path]:
    """A bundle with a configuration in YAML."""

    def make(folder: Path, trace: Path) -> Path:
        root = save_bundle(small_network(), folder, {})
        (root / "configs" / "inference.json").unlink()
        written = json.dumps(NETWORK)
        content = f"network_def: {written}\n{filled(text, trace, root)}\n"
        (root / "configs" / "inference.yaml").write_text(content)
        planted(root, trace)
        return root

    return make


class Bomb:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


def pickled(trace: Path) -> bytes:
    return pickle.dumps({"state_dict": {"weight": Bomb(trace)}})


def saved(trace: Path) -> bytes:
    """What torch.save makes of it: a zip."""
    file = io.BytesIO()
    torch.save({"weight": Bomb(trace)}, file)
    return file.getvalue()


def legacy(trace: Path) -> bytes:
    """As torch saved before it used zips: pickles one after the other."""
    file = io.BytesIO()
    torch.save({"weight": Bomb(trace)}, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def tarred(trace: Path) -> bytes:
    """As torch saved at first: a tar of pickles."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickled(trace)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def disguised(trace: Path) -> bytes:
    """A zip with a folder of code, as TorchScript has it, and a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net/code/__torch__.py", touching(trace))
        archive.writestr("net/data.pkl", pickled(trace))
        archive.writestr("net/constants.pkl", pickled(trace))
        archive.writestr("net/version", "3\n")
    return file.getvalue()


def script(trace: Path) -> bytes:
    """TorchScript. Where it may not be loaded, loading it would show."""
    return _program(save_torchscript)


def exported(trace: Path) -> bytes:
    return _program(save_exported)


def _program(save: Callable) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return save(small_network(), Path(folder)).read_bytes()


def file(name: str, content: Callable[[Path], bytes], **more) -> Callable[[Path, Path], Path]:
    """A network file with a description beside it."""

    def make(folder: Path, trace: Path) -> Path:
        path = folder / name
        path.write_bytes(content(trace))
        described = {"network": "UNet", "arguments": ARGUMENTS, **more}
        describe(path, **filled(described, trace, folder))
        return path

    return make


def weights(**described) -> Callable[[Path, Path], Path]:
    """Good weights with a hostile description."""

    def good(trace: Path) -> bytes:
        held = io.BytesIO()
        torch.save(small_network().state_dict(), held)
        return held.getvalue()

    return file("net.pt", good, **described)


def in_bundle(name: str, content: Callable[[Path], bytes]) -> Callable[[Path, Path], Path]:
    """A bundle with other weights."""

    def make(folder: Path, trace: Path) -> Path:
        root = bundle(small_network(), folder)
        (root / "models" / "model.pt").unlink()
        (root / "models" / name).write_bytes(content(trace))
        return root

    return make


TOUCH = {"_target_": "os.system", "command": "touch {trace}"}
RUN = {"_target_": "subprocess.run"}
COMMAND = {"cmd_list": ["touch", "{trace}"]}
CODE = "${code}"
SCRIPT = ("a TorchScript program",)
FETCHING: dict[str, Any] = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}

IN_CONFIGURATIONS = {
    "requires": Hostile(ASKED, network({"_requires_": CODE}), (CODE,)),
    "requires, nested": Hostile(ASKED, network({"_requires_": [{"a": [CODE]}]}), (CODE,)),
    "requires, by reference": Hostile(ASKED, network({"_requires_": "@x"}, x=CODE), (CODE,)),
    "disabled": Hostile(ASKED, network({"_disabled_": CODE}), (CODE,)),
    "description": Hostile(LOADS, network({"_desc_": CODE})),
    "mode debug": Hostile(REFUSED, network({"_mode_": "debug"})),
    "mode by expression": Hostile(REFUSED, network({"_mode_": CODE})),
    "mode callable": Hostile(
        ASKED,
        network({"dropout": {**TOUCH, "_mode_": "callable"}}),
        ("_target_ os.system", "touch {trace}"),
        runs=False,
    ),
    "debug": Hostile(LOADS, network({"_debug_": True})),
    "macro": Hostile(ASKED, network({"dropout": "%x"}, x=CODE), (CODE,)),
    "relative macro": Hostile(ASKED, network({"dropout": "%##x"}, x=CODE), (CODE,)),
    "macro of a component": Hostile(
        ASKED, network({"dropout": "%x"}, x=TOUCH), ("_target_ os.system", "touch {trace}")
    ),
    "macro from another file": Hostile(REFUSED, network({"dropout": "%{root}/other.json::part"})),
    "relative reference": Hostile(ASKED, network({"dropout": "@##x"}, x=CODE), (CODE,)),
    "older separator": Hostile(ASKED, network({"dropout": "@x#y"}, x={"y": CODE}), (CODE,)),
    "relative reference in an expression": Hostile(
        ASKED, network({"dropout": "$@##x or 0"}, x=CODE), (CODE, "$@##x or 0")
    ),
    "key with a separator": Hostile(
        ASKED, network({}, **{"network_def::dropout": CODE}), ("network_def::dropout: ${code}",)
    ),
    "key with the older separator": Hostile(
        ASKED, network({}, **{"network_def#dropout": CODE}), ("network_def::dropout: ${code}",)
    ),
    "merged key": Hostile(ASKED, network({}, **{"+network_def": {"dropout": CODE}}), (CODE,)),
    "act": Hostile(ASKED, network({"act": [CODE, {}]}), (CODE,)),
    "norm": Hostile(ASKED, network({"norm": ["INSTANCE", {"affine": CODE}]}), (CODE,)),
    "act as a component": Hostile(
        ASKED, network({"act": [TOUCH, {}]}), ("_target_ os.system", "touch {trace}")
    ),
    "expression as a key": Hostile(REFUSED, network({"act": {CODE: 1}})),
    "class by expression": Hostile(ASKED, network({"_target_": "${code} or 'UNet'"}), ("{code}",)),
    "class by an expression, and what it gets": Hostile(
        ASKED,
        network({"dropout": {"_target_": "$__import__('os').system", "command": "touch {trace}"}}),
        ("$__import__('os').system", "touch {trace}"),
    ),
    "class from elsewhere": Hostile(
        ASKED, whole({"network_def": TOUCH}), ("_target_ os.system", "touch {trace}")
    ),
    "arguments of a class from elsewhere": Hostile(
        ASKED,
        whole({"network_def": {**RUN, "args": ["touch", "{trace}"]}}),
        ("_target_ subprocess.run", "'touch', '{trace}'"),
    ),
    "half of the arguments are code": Hostile(
        ASKED,
        network({"dropout": {**RUN, "args": ["touch", "$'{trace}'.strip()"]}}),
        ("_target_ subprocess.run", "args::0: 'touch'", "$'{trace}'.strip()"),
    ),
    "a script": Hostile(
        ASKED,
        whole({"network_def": {"_target_": "runpy.run_path", "path_name": "{root}/planted.py"}}),
        ("_target_ runpy.run_path", "planted.py"),
    ),
    "a module of the bundle": Hostile(
        ASKED, network({"_target_": "scripts.net.Net"}), ("_target_ scripts.net.Net",)
    ),
    "a function of MONAI": Hostile(
        ASKED,
        network({"dropout": {"_target_": "monai.utils.misc.run_cmd", **COMMAND}}),
        ("_target_ monai.utils.misc.run_cmd", "'touch', '{trace}'"),
    ),
    "a function of MONAI by its name": Hostile(
        ASKED,
        network({"dropout": {"_target_": "run_cmd", **COMMAND}}),
        ("_target_ run_cmd", "'touch', '{trace}'"),
    ),
    "reader": Hostile(
        ASKED,
        network({"dropout": "$@x and 0"}, x={"_target_": "LoadImage", "reader": "planted.Reader"}),
        ("x: _target_ LoadImage", "x::reader: 'planted.Reader'"),
    ),
    "writer": Hostile(
        ASKED,
        network({"dropout": "$@x and 0"}, x={"_target_": "SaveImage", "writer": "planted.Writer"}),
        ("x: _target_ SaveImage", "x::writer: 'planted.Writer'"),
    ),
    "logging file": Hostile(
        ASKED,
        network(
            {"dropout": "$@x and 0"},
            x={
                "_target_": "ConfigWorkflow",
                "config_file": "{root}/other.json",
                "logging_file": "{root}/evil.conf",
                "workflow_type": "infer",
            },
        ),
        ("x: _target_ ConfigWorkflow", "x::logging_file: '{root}/evil.conf'"),
        runs=False,
    ),
    "nested in a network's argument": Hostile(
        ASKED, network({"kernel_size": {"a": [TOUCH]}}), ("_target_ os.system", "touch {trace}")
    ),
    "network by expression": Hostile(
        ASKED,
        whole({"network_def": "$__import__('planted').Net(2, 1, 3, (4, 8), (2,))"}),
        ("$__import__('planted').Net(2, 1, 3, (4, 8), (2,))",),
    ),
    "moved by an expression": Hostile(
        ASKED, whole({"network": "$@net.to({code} or 'cpu')", "net": NETWORK}), ("{code}",)
    ),
    "an import as a value": Hostile(
        ASKED, network({"dropout": "$import planted"}), ("$import planted",)
    ),
    "an import, and more": Hostile(
        ASKED,
        network({"dropout": "$planted and 0"}, imports=["$import planted; {code}"]),
        ("$import planted; {code}",),
    ),
    "an import in place of torch": Hostile(
        ASKED,
        network({"dropout": "$torch.float32 and 0"}, imports=["$import planted as torch"]),
        ("$import planted as torch", "$torch.float32 and 0"),
    ),
    "an import in place of len": Hostile(
        ASKED,
        network({"dropout": "$len(@x)"}, x=[], imports=["$from planted import evil as len"]),
        ("$from planted import evil as len", "$len(@x)"),
    ),
    "after a comment": Hostile(REFUSED, network({"dropout": "$(0 #\n or {code})"})),
    "turned around": Hostile(
        ASKED, network({"dropout": "$0 or '\u202e' and {code}"}), ("{code}", "\u202e")
    ),
    "classes behind a literal": Hostile(
        ASKED,
        network({"dropout": "$len(().__class__.__base__.__subclasses__()) * 0"}),
        ("$len(().__class__.__base__.__subclasses__()) * 0",),
        runs=False,
    ),
    "weights with a pickle module": Hostile(
        ASKED,
        network(
            {"dropout": "$torch.load('{root}/models/model.pt', pickle_module=planted) and 0"},
            imports=["$import planted"],
        ),
        ("$import planted", "pickle_module=planted"),
    ),
    "a number without end": Hostile(
        ASKED, network({"dropout": "$9**9**9**9"}), ("$9**9**9**9",), agree=False
    ),
    "a list without end": Hostile(
        ASKED, network({"dropout": "$[0]*99999*99999"}), ("$[0]*99999*99999",), agree=False
    ),
    "root by expression": Hostile(
        LOADS, network({"dropout": "$len(@bundle_root) * 0.0"}, bundle_root=CODE)
    ),
    "parts that nothing uses": Hostile(
        LOADS,
        network({}, evaluator=TOUCH, handlers=[CODE], data=CODE, imports=["$import planted"]),
    ),
    "metadata": Hostile(
        LOADS,
        whole(
            {"network_def": NETWORK},
            {"name": CODE, "network_data_format": {"outputs": {"p": {"channel_def": {"0": CODE}}}}},
        ),
    ),
    "names by expression": Hostile(LOADS, network({}, label_def=CODE)),
    "all steps after the network": Hostile(REFUSED, network({}, postprocessing=CODE)),
    # Weights that are fetched only to be replaced are not fetched; the file's own don't fit here.
    "fetched weights": Hostile(
        REFUSED,
        whole({"network_def": {"_target_": "DenseNet121", **FETCHING, "pretrained": True}}),
    ),
    "fetched weights by default": Hostile(
        REFUSED,
        whole({"network_def": {"_target_": "EfficientNetBN", "model_name": "efficientnet-b0"}}),
    ),
    "fetched from an address": Hostile(
        ASKED,
        whole({"network_def": {"_target_": "HoVerNet", "pretrained_url": "http://127.0.0.1:9/x"}}),
        ("http://127.0.0.1:9/x",),
        agree=False,
    ),
    "a backbone of torchvision": Hostile(
        ASKED,
        whole({"network_def": {"_target_": "TorchVisionFCModel", "model_name": "resnet18"}}),
        ("_target_ TorchVisionFCModel", "model_name: 'resnet18'"),
        agree=False,
    ),
    "a backbone by its name": Hostile(
        ASKED,
        whole({"network_def": {"_target_": "MILModel", "num_classes": 3, "backbone": "hub"}}),
        ("_target_ MILModel", "backbone: 'hub'"),
        agree=False,
    ),
    "a network that is none": Hostile(REFUSED, network({"_target_": "Evil"})),
}

IN_STEPS = {
    "step from elsewhere": Hostile(REFUSED, steps({**TOUCH, "keys": "image"})),
    "step with a function": Hostile(
        REFUSED, steps({"_target_": "Lambdad", "keys": "image", "func": CODE})
    ),
    "argument of a step": Hostile(ASKED, steps({**RANGE, "a_min": "${code} or 0"}), ("{code}",)),
    "requirement of a step": Hostile(LOADS, steps({**RANGE, "_requires_": CODE})),
    "requirement of all steps": Hostile(LOADS, steps(RANGE, _requires_=CODE)),
    "component as an argument of a step": Hostile(REFUSED, steps({**RANGE, "a_min": TOUCH})),
    "reader of a step": Hostile(
        REFUSED,
        steps({"_target_": "LoadImaged", "keys": "image", "reader": "planted.Reader"}, RANGE),
    ),
    "steps by expression": Hostile(ASKED, network({}, preprocessing=CODE), (CODE,)),
    "list of steps by expression": Hostile(
        ASKED, steps("${code} or {'_target_': 'SpatialPad'}"), ("{code}",)
    ),
    "inferer from elsewhere": Hostile(REFUSED, network({}, inferer=TOUCH)),
    "size of the inferer": Hostile(
        ASKED,
        network({}, inferer={**WINDOWS, "roi_size": [48, "${code} or 48"]}),
        ("{code}",),
    ),
    "YAML that calls": Hostile(
        REFUSED, yaml("x: !!python/object/apply:os.system ['touch {trace}']")
    ),
    "YAML that imports": Hostile(REFUSED, yaml("x: !!python/module:planted ''")),
    "YAML with a tag of its own": Hostile(REFUSED, yaml("x: !evil {a: 1}")),
    "YAML that merges": Hostile(REFUSED, yaml("y: &y {dropout: $x}\n+network_def: {<<: *y}")),
    "YAML with an alias": Hostile(
        ASKED, yaml('y: &y "${code}"\n+network_def: {dropout: *y}'), ("network_def::dropout: $",)
    ),
}

IN_FILES = {
    "a pickle": Hostile(REFUSED, file("net.pt", pickled)),
    "a pickle as checkpoint": Hostile(REFUSED, file("net.ckpt", pickled)),
    "a pickle as safetensors": Hostile(REFUSED, file("net.safetensors", pickled)),
    "a pickle as TorchScript": Hostile(ASKED, file("net.ts", pickled), SCRIPT, runs=False),
    "a pickle as a program": Hostile(
        ASKED, file("net.pt2", pickled), ("a torch.export program (loading unpickles)",), runs=False
    ),
    "a zip": Hostile(REFUSED, file("net.pth", saved)),
    "a zip as safetensors": Hostile(REFUSED, file("net.safetensors", saved)),
    "pickles one after the other": Hostile(REFUSED, file("net.pt", legacy)),
    "a tar": Hostile(REFUSED, file("net.pt", tarred)),
    "a tar as checkpoint": Hostile(REFUSED, file("net.ckpt", tarred)),
    "a zip that looks like TorchScript": Hostile(
        ASKED, file("net.pt", disguised), SCRIPT, runs=False
    ),
    "TorchScript as weights": Hostile(ASKED, file("net.pth", script), SCRIPT, runs=False),
    "TorchScript as safetensors": Hostile(
        ASKED, file("net.safetensors", script), SCRIPT, runs=False
    ),
    "a program as weights": Hostile(REFUSED, file("net.pt", exported)),
    "TorchScript as a program": Hostile(
        ASKED, file("net.pt2", script), ("a torch.export program (loading unpickles)",), runs=False
    ),
    "weights of a bundle": Hostile(REFUSED, in_bundle("model.pt", saved)),
    "weights of a bundle as a pickle": Hostile(REFUSED, in_bundle("model.pt", pickled)),
    "TorchScript as weights of a bundle": Hostile(REFUSED, in_bundle("model.pt", script)),
    "TorchScript of a bundle": Hostile(ASKED, in_bundle("model.ts", script), SCRIPT, runs=False),
    "a class in a description": Hostile(
        ASKED,
        weights(network="os.system", arguments={"command": "touch {trace}"}),
        ("_target_ os.system", "command: 'touch {trace}'"),
        runs=False,
    ),
    "code in a description": Hostile(
        REFUSED, weights(network="UNet", arguments={**ARGUMENTS, "dropout": CODE})
    ),
    "a step in a description": Hostile(
        REFUSED, weights(network="UNet", arguments=ARGUMENTS, preprocessing=[TOUCH])
    ),
}

HOSTILE = {**IN_CONFIGURATIONS, **IN_STEPS, **IN_FILES}
