"""A file that is swapped while it is loaded: a victim has the hash of what it was made of."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from nnunet_folders import save_folder
from nnunet_itself import needs_networks
from PIL import Image
from zoo import NUCLEI, metadata, named
from zoo_itself import save_zoo

from napari_segadv.common.hashing import sha256_of, sha256_of_all, sha256_of_files
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading import nnunet_network
from napari_segadv.victims.loading.formats import guided, nnunet

NAMES = ("plans.json", "dataset.json", "fold_0/checkpoint_final.pth")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("moment", ["torch.load", "describe"])
def test_an_nnunet_folder(name, moment, tmp_path, monkeypatch):
    needs_networks()
    root = save_folder(tmp_path / "one")
    other = save_folder(tmp_path / "two", seed=9)
    for file in ("plans.json", "dataset.json"):
        (other / file).write_text((other / file).read_text() + " ")
    read = {n: sha256_of(root / n) for n in NAMES}
    weights = nnunet_network.read_checkpoint(root / NAMES[-1])["network_weights"]
    swap(monkeypatch, moment, lambda: shutil.copy(other / name, root / name))
    victim = load_victim(root)
    if moment == "torch.load" and name != NAMES[-1]:
        read[name] = sha256_of(other / name)  # JSON files are read after the checkpoint
    assert victim.sha256 == nnunet.sha256_of_each([read[n] for n in NAMES])
    found = victim.network.state_dict()
    assert any(torch.equal(next(iter(weights.values())), value) for value in found.values())


def swap(monkeypatch, moment, action):
    """Runs something right before a moment of loading."""
    where, attribute = (torch, "load") if moment == "torch.load" else (nnunet, "describe")
    old = getattr(where, attribute)

    def swapped(*given, **named_ones):
        action()
        return old(*given, **named_ones)

    monkeypatch.setattr(where, attribute, swapped)


def test_the_hash_of_an_nnunet_folder_is_the_one_that_it_was(tmp_path):
    needs_networks()
    root = save_folder(tmp_path)
    assert load_victim(root).sha256 == sha256_of_all([root / name for name in NAMES])


@pytest.fixture
def nuclei(tmp_path):
    """Writes a guided model that is shown a mask; returns its JSON file."""

    def make(mask: str) -> Path:
        meta = metadata(2, 4, named(*"ABCD"), format="classes", num_channels=4)
        save_zoo(tmp_path, NUCLEI, meta | {"task": "Pathology Nuclei classification"})
        (tmp_path / "shown.json").write_text(f'{{"model": "Zoo", "mask": "{mask}"}}')
        return tmp_path / "shown.json"

    return make


def disc(place: int) -> np.ndarray:
    mask = np.zeros((48, 64), np.uint8)
    mask[place : place + 9, 20:30] = 1
    return mask


@pytest.mark.parametrize("moment", ["read_mask", "sha256_of_files"])
def test_the_mask_of_a_guided_model(moment, nuclei, tmp_path, monkeypatch):
    path = nuclei("nucleus.png")
    Image.fromarray(disc(4)).save(tmp_path / "nucleus.png")
    parts = [sha256_of(tmp_path / "Zoo"), sha256_of(path), sha256_of(tmp_path / "nucleus.png")]
    old, seen = getattr(guided, moment), []
    shown_to = guided.shown_to

    def swapped(*given):
        Image.fromarray(disc(30)).save(tmp_path / "nucleus.png")
        return old(*given)

    def watched(victim, shown, mask):
        seen.append(mask)
        return shown_to(victim, shown, mask)

    monkeypatch.setattr(guided, moment, swapped)
    monkeypatch.setattr(guided, "shown_to", watched)
    victim = load_victim(path)
    assert (seen[0] == disc(4)).all()
    assert victim.sha256 == sha256_of_files(parts)


def test_a_mask_of_two_files_is_hashed_with_both(nuclei, tmp_path):
    path = nuclei("nucleus.mhd")
    hashes = []
    for place in (4, 30):
        sitk.WriteImage(sitk.GetImageFromArray(disc(place)), str(tmp_path / "nucleus.mhd"))
        hashes.append(load_victim(path).sha256)
    assert hashes[0] != hashes[1]


def test_a_mask_behind_a_link_is_read(nuclei, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    Image.fromarray(disc(4)).save(tmp_path / "elsewhere" / "other.png")
    (tmp_path / "nucleus.png").symlink_to(tmp_path / "elsewhere" / "other.png")
    assert load_victim(nuclei("nucleus.png")).channels == 3


def test_a_mask_that_is_not_there_is_one_line_that_names_it(nuclei, tmp_path):
    path = nuclei("nucleus.png")
    with pytest.raises(SegadvError, match="nucleus.png: no such file"):
        load_victim(path)
    (tmp_path / "nucleus.png").write_bytes(b"no picture")
    with pytest.raises(SegadvError, match=f"{tmp_path}/nucleus.png: "):
        load_victim(path)
