"""Hostile files: none runs unasked, and what runs after a yes was in the list, word for word."""

import copy
import io
import json
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from helpers import ARGUMENTS, SAVE_AS_CODE, describe, disc_image, save_bundle, small_network
from hostile import ASKED, HOSTILE, LOADS, REFUSED, filled

from napari_segadv.data.scan import Scan
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading import contents
from napari_segadv.victims.loading.consent import remember


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_runs_unasked_and_only_what_was_listed_runs_after_a_yes(name, tmp_path):
    hostile, trace = HOSTILE[name], tmp_path / "it-ran"
    path = hostile.make(tmp_path, trace)
    trace.unlink(missing_ok=True)
    before = set(sys.modules)
    said = loaded(path)
    question = said if isinstance(said, NeedsTrust) else None
    assert not trace.exists(), "it ran unasked"
    assert not {"planted", "scripts"} & (set(sys.modules) - before)
    assert (ASKED if question else REFUSED if said else LOADS) == hostile.ends, said
    if question is None:
        return
    listed = "\n".join(question.runs)
    for text in hostile.shown:
        assert filled(text, trace, path) in listed
    assert str(question).isascii() == str(path).isascii()
    if hostile.agree:
        assert not isinstance(loaded(path, question.sha256), NeedsTrust), "asked twice"
        assert trace.exists() == hostile.runs
        assert not {"planted", "scripts"} & (set(sys.modules) - before)


def loaded(path: Path, sha256: str | None = None) -> SegadvError | None:
    """What is said when a file is loaded; None if it could be."""
    try:
        load_victim(path, sha256)
    except SegadvError as error:
        said: SegadvError = error
    else:
        return None
    assert "\n" not in str(said)
    return said


def test_there_are_about_a_hundred_of_them():
    assert len(HOSTILE) > 70


def bundle_of(folder: Path, version: str, definition: dict | None = None) -> Path:
    """A bundle whose own script says which version of it was loaded, also in a later import."""
    definition = definition or {"_target_": "scripts.net.Net", **ARGUMENTS}
    folder.mkdir(exist_ok=True)
    root = save_bundle(small_network(), folder, {"network_def": definition})
    (root / "scripts").mkdir()
    write_script(root, version)
    return root


def write_script(root: Path, version: str) -> None:
    (root / "scripts" / "net.py").write_text(
        "from monai.networks.nets import UNet\n"
        "from scripts import names\n"
        "class Net(UNet):\n"
        "    version = names.VERSION\n"
        "    def forward(self, x):\n"
        "        from scripts import later\n"
        "        self.said = later.VERSION\n"
        "        return super().forward(x)\n"
    )
    for name in ("names", "later"):
        (root / "scripts" / f"{name}.py").write_text(f"VERSION = {version!r}\n")


def agreed(path: Path):
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path)
    return load_victim(path, asked.value.sha256)


def test_two_bundles_with_scripts_of_the_same_names(tmp_path):
    victims = {name: agreed(bundle_of(tmp_path / name, name)) for name in ("first", "second")}
    scan = Scan.from_array(disc_image())
    for name in ("first", "second", "first"):
        victims[name].predict(scan)
        assert (victims[name].network.version, victims[name].network.said) == (name, name)
    assert "scripts" not in sys.modules


def test_an_edited_script_under_a_new_hash(tmp_path):
    root = bundle_of(tmp_path / "one", "before")
    first = agreed(root)
    write_script(root, "after")
    second = agreed(root)
    assert (first.network.version, second.network.version) == ("before", "after")
    assert str(root) not in sys.path


def test_scripts_of_the_users_own_stay_as_they_are(tmp_path, monkeypatch):
    (tmp_path / "scripts.py").write_text("mine = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import scripts

    try:
        assert agreed(bundle_of(tmp_path / "one", "theirs")).network.version == "theirs"
        assert sys.modules["scripts"] is scripts
    finally:
        sys.modules.pop("scripts", None)


def test_a_bundle_takes_the_place_of_no_module_of_python_or_torch(tmp_path):
    root = bundle_of(tmp_path / "one", "theirs")
    for name in ("json", "torch", "monai", "numpy"):
        (root / f"{name}.py").write_text("raise RuntimeError('theirs')\n")
    assert agreed(root).network.version == "theirs"
    assert json.loads("1") == 1


class Swapping:
    """Changes a file as soon as it has been hashed, so before it is loaded."""

    def __init__(self, monkeypatch, path: Path, content: bytes) -> None:
        hashed = contents.hashed_folder

        def then_swap(folder):
            found = hashed(folder)
            path.write_bytes(content)
            return found

        monkeypatch.setattr(contents, "hashed_folder", then_swap)


SWAPPED = ["configs/inference.json", "models/model.pt", "scripts/net.py", "scripts/names.py"]


@pytest.mark.parametrize("file", SWAPPED)
def test_a_file_of_a_bundle_swapped_after_it_was_hashed_is_not_loaded(file, tmp_path, monkeypatch):
    root, trace = bundle_of(tmp_path / "one", "good"), tmp_path / "it-ran"
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    content = (root / file).read_bytes()
    evil = f"open({str(trace)!r}, 'w').close()"
    swapped = {".json": json.dumps({"network_def": f"${evil}"}), ".py": evil}
    text = swapped.get(Path(file).suffix, "")
    Swapping(monkeypatch, root / file, text.encode() if text else content + b"x")
    with pytest.raises(SegadvError, match="has changed while it was being loaded") as caught:
        load_victim(root, asked.value.sha256)
    assert not isinstance(caught.value, NeedsTrust)
    assert str(root / file) in str(caught.value)
    assert not trace.exists()


def test_a_file_that_comes_after_the_hash_is_not_imported(tmp_path, monkeypatch):
    root = bundle_of(tmp_path / "one", "good")
    (root / "scripts" / "names.py").rename(root / "names")
    with pytest.raises(NeedsTrust) as asked:
        load_victim(root)
    Swapping(monkeypatch, root / "scripts" / "names.py", b"VERSION = 'late'\n")
    with pytest.raises(SegadvError, match="its code failed .*names"):
        load_victim(root, asked.value.sha256)


@pytest.mark.parametrize("save", SAVE_AS_CODE)
def test_a_program_swapped_after_the_question(save, tmp_path):
    path = save(small_network(), tmp_path)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path)
    remember(asked.value.sha256, path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(NeedsTrust) as again:
        load_victim(path, asked.value.sha256)
    assert again.value.sha256 != asked.value.sha256


def test_a_program_is_loaded_from_the_bytes_that_were_hashed(tmp_path, monkeypatch):
    path = SAVE_AS_CODE[0](small_network(), tmp_path)
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path)
    loaded, load = [], torch.jit.load

    def swap_first(file, *arguments):
        path.write_bytes(b"other")
        loaded.append(file.getvalue())
        return load(file, *arguments)

    good = path.read_bytes()
    monkeypatch.setattr(torch.jit, "load", swap_first)
    assert load_victim(path, asked.value.sha256).trust == "code"
    assert loaded == [good]


def test_what_the_configuration_refuses_comes_before_any_question(tmp_path):
    code = {"_target_": "UNet", **ARGUMENTS, "dropout": "$print() or 0.0"}
    step = {"_target_": "HistogramNormalized", "keys": "image"}
    lost = [
        {"preprocessing": {"_target_": "Compose", "transforms": [step]}},
        {"inferer": {"_target_": "SaliencyInferer"}},
        {"preprocessing": ["@nowhere"]},
        {"inferer": {"_target_": "SimpleInferer", "x": "$1 +"}},
    ]
    for number, more in enumerate(lost):
        (tmp_path / str(number)).mkdir()
        root = save_bundle(small_network(), tmp_path / str(number), {"network_def": code, **more})
        with pytest.raises(SegadvError) as caught:
            load_victim(root)
        assert not isinstance(caught.value, NeedsTrust)
    (root / "models" / "model.pt").unlink()
    with pytest.raises(SegadvError, match=r"no model\.pt"):
        load_victim(root)


def test_the_innermost_cause_is_shown(tmp_path):
    root = bundle_of(tmp_path / "one", "x")
    (root / "scripts" / "names.py").write_text(
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    raise RuntimeError('something went wrong') from error\n"
    )
    with pytest.raises(SegadvError, match=r"its code failed \(ZeroDivisionError: division"):
        agreed(root)
    # As the command line does it: the question is still being handled then.
    try:
        load_victim(root)
    except NeedsTrust as asked:
        with pytest.raises(SegadvError, match=r"its code failed \(ZeroDivisionError: division"):
            load_victim(root, asked.sha256)


def test_nothing_is_fetched_while_data_is_loaded(tmp_path, monkeypatch):
    import socket

    from monai.networks import nets

    class Fetching(nets.UNet):
        def __init__(self, **arguments):
            socket.create_connection(("192.0.2.1", 80), timeout=1)
            super().__init__(**arguments)

    Fetching.__module__ = nets.UNet.__module__
    monkeypatch.setattr(nets, "Fetching", Fetching, raising=False)
    path = tmp_path / "net.pt"
    torch.save(small_network().state_dict(), path)
    describe(path, network="Fetching", arguments=ARGUMENTS)
    with pytest.raises(SegadvError, match="would fetch data from the network"):
        load_victim(path)
    root = save_bundle(
        small_network(), tmp_path, {"network_def": {"_target_": "Fetching", **ARGUMENTS}}
    )
    with pytest.raises(SegadvError, match="would fetch data from the network"):
        load_victim(root)


def packed(path: Path, method: int) -> None:
    """Write an archive anew, compressed by a method."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old:
        held = {one.filename: old.read(one) for one in old.infolist()}
    with zipfile.ZipFile(path, "w", method) as new:
        for name, content in held.items():
            new.writestr(name, content)


def test_weights_in_a_compressed_archive_are_refused(tmp_path):
    root = bundle_of(tmp_path / "one", "x", {"_target_": "UNet", **ARGUMENTS})
    weights = root / "models" / "model.pt"
    packed(weights, zipfile.ZIP_STORED)
    load_victim(root)
    packed(weights, zipfile.ZIP_DEFLATED)
    with pytest.raises(SegadvError, match="is a compressed archive") as caught:
        load_victim(root)
    assert str(weights) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_in_an_archive_whose_entries_share_their_bytes_are_refused(tmp_path):
    root = bundle_of(tmp_path / "one", "x", {"_target_": "UNet", **ARGUMENTS})
    weights = root / "models" / "model.pt"
    with zipfile.ZipFile(weights, "a", zipfile.ZIP_STORED) as archive:
        largest = max(archive.infolist(), key=lambda one: one.file_size)
        for number in range(200):
            again = copy.copy(largest)
            again.filename = f"again{number}"
            archive.filelist.append(again)
        archive._didModify = True
    with pytest.raises(SegadvError, match="is a compressed archive"):
        load_victim(root)


LARGE = {
    "wide": {"channels": [4, 4000, 4000]},
    "deep": {"num_res_units": 200_000},
    "wider than any": {"channels": [4, 40_000_000]},
    "a window that is compared with itself": {
        "_target_": "SwinUNETR",
        "in_channels": 1,
        "out_channels": 2,
        "feature_size": 12,
        "spatial_dims": 2,
        "window_size": 512,
    },
    "an image of many patches": {
        "_target_": "ViT",
        "in_channels": 1,
        "img_size": [500_000, 500_000],
        "patch_size": [4, 4],
        "spatial_dims": 2,
    },
}


@pytest.mark.parametrize("way", ["bundle", "description"])
@pytest.mark.parametrize("what", LARGE)
def test_a_network_far_larger_than_its_weights_is_not_built(what, way, tmp_path):
    definition = {"_target_": "UNet", **ARGUMENTS} if "_target_" not in LARGE[what] else {}
    definition |= LARGE[what]
    if way == "bundle":
        path = bundle_of(tmp_path / "one", "x", definition)
    else:
        path = tmp_path / "net.pt"
        torch.save(small_network().state_dict(), path)
        describe(
            path, network=definition.pop("_target_"), arguments={"spatial_dims": 2} | definition
        )
    began = time.process_time()
    with pytest.raises(SegadvError, match="far larger|too large for any|more than 10000") as caught:
        load_victim(path)
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 30
