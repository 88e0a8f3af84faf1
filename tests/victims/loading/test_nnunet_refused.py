"""nnU-Net v2 folders that are refused: each in one line, and nothing in them runs."""

import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from nnunet_folders import change, change_checkpoint, change_layers, plans, save_folder
from nnunet_itself import needs_networks

from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.nnunet_network import read_checkpoint

needs_networks()


class Runs:
    """Would write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


REFUSED = {
    "a cascade": (
        lambda root: change(root, "configuration", previous_stage="3d_lowres"),
        "second stage of a cascade, which also needs the prediction of 3d_lowres",
    ),
    "another trainer": (
        lambda root: change_checkpoint(root, trainer_name="nnUNet_Primus_S_Trainer"),
        "trained by nnUNet_Primus_S_Trainer, whose network may be another",
    ),
    "another resampler": (
        lambda root: change(root, "configuration", resampling_fn_data="my_resampling"),
        "resampling function my_resampling is not one of nnU-Net's own",
    ),
    "another argument": (
        lambda root: change(
            root, "configuration", resampling_fn_data_kwargs={"order": 3, "speed": 2}
        ),
        "resampling function .* has no argument speed",
    ),
    "another normalisation": (
        lambda root: change(root, "configuration", normalization_schemes=["MyNormalization"]),
        "normalisation MyNormalization is not one of nnU-Net's own",
    ),
    "another preprocessor": (
        lambda root: change(root, "configuration", preprocessor_name="MyPreprocessor"),
        "preprocessor_name is MyPreprocessor",
    ),
    "another reader": (
        lambda root: change(root, "plans", image_reader_writer="MyReader"),
        "image_reader_writer is MyReader",
    ),
    "another label manager": (
        lambda root: change(root, "plans", label_manager="MyLabels"),
        "label_manager is MyLabels",
    ),
    "another network": (
        lambda root: change_layers(root, network_class_name="os.system"),
        "network os.system is not one of nnU-Net's own",
    ),
    "another layer": (
        lambda root: change_layers(root, arch_kwargs={"nonlin": "subprocess.Popen"}),
        "subprocess.Popen is not a layer",
    ),
    "another size": (
        lambda root: change_layers(root, arch_kwargs={"features_per_stage": [4, 6]}),
        "its weights don't fit the network of plans.json",
    ),
    "a place for its memory": (
        lambda root: change_layers(root, arch_kwargs={"norm_op_kwargs": {"device": "cpu"}}),
        "norm_op_kwargs has device, which is no argument of layers",
    ),
    "far larger sizes": (
        lambda root: change_layers(root, arch_kwargs={"features_per_stage": [4, 60_000]}),
        "its network would have \\d+ weights, but the file holds",
    ),
    "a number of no network": (
        lambda root: change_layers(root, arch_kwargs={"features_per_stage": [4, 200_000_000]}),
        "holds the number 200000000, too large",
    ),
    "layers without end": (
        lambda root: change_layers(root, arch_kwargs={"n_conv_per_stage": [1, 100_000]}),
        "would have more than 10000 layers",
    ),
    "senseless arguments": (
        lambda root: change_layers(root, arch_kwargs={"n_stages": 5}),
        "network PlainConvUNet refuses its arguments",
    ),
    "another configuration": (
        lambda root: change_checkpoint(root, init_args={"configuration": "3d_cascade"}),
        "has no configuration 3d_cascade",
    ),
    "no final checkpoint": (
        lambda root: (root / "fold_0" / "checkpoint_final.pth").rename(
            root / "fold_0" / "checkpoint_best.pth"
        ),
        "has no fold_\\*/checkpoint_final.pth",
    ),
    "a truncated checkpoint": (
        lambda root: (root / "fold_0" / "checkpoint_final.pth").write_bytes(b"PK\3\4 and no more"),
        "damaged or incomplete",
    ),
    "no checkpoint of nnU-Net": (
        lambda root: torch.save(
            {"state_dict": OrderedDict()}, root / "fold_0" / "checkpoint_final.pth"
        ),
        "is not a checkpoint of nnU-Net v2",
    ),
    "a mirrored axis too many": (
        lambda root: change_checkpoint(root, inference_allowed_mirroring_axes=(3,)),
        "mirrors axes .3,. of a 3-D network",
    ),
    "NaN weights": (
        lambda root: change_checkpoint(root, network_weights=nan_weights(root)),
        "holds NaN or infinite weights",
    ),
    "too few labels": (
        lambda root: change(
            root, "dataset", labels={"background": 0, "a": [1, 2]}, regions_class_order=[]
        ),
        "has 1 regions, but regions_class_order names 0",
    ),
    "a channel too many": (
        lambda root: change(root, "dataset", channel_names={"0": "CT", "1": "PET"}),
        "plans.json normalises 1 channels, but dataset.json names 2",
    ),
    "no spacing": (
        lambda root: change(root, "configuration", spacing=[1.5, 0, 1.5]),
        "both need two or three sizes above 0",
    ),
    "a spline of order 9": (
        lambda root: change(root, "configuration", resampling_fn_data_kwargs={"order": 9}),
        "order must be from 0 to 5",
    ),
    "no plan": (
        lambda root: (root / "plans.json").write_text("[]"),
        "holds no JSON object",
    ),
    "an incomplete plan": (
        lambda root: (root / "plans.json").write_text('{"configurations": {"3d_fullres": {}}}'),
        "can't be read as a trainer folder of nnU-Net v2 .KeyError",
    ),
}


def nan_weights(root: Path) -> dict:
    weights = read_checkpoint(root / "fold_0" / "checkpoint_final.pth")["network_weights"]
    next(iter(weights.values())).fill_(float("nan"))
    return weights


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named_in_one_line(name, tmp_path):
    root = save_folder(tmp_path, plans(), mirrored=None)
    spoil, message = REFUSED[name]
    spoil(root)
    with pytest.raises(SegadvError, match=message) as error:
        load_victim(root)
    assert str(root) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spacing", [1e-6, 1e6])
def test_a_spacing_that_fits_no_image(spacing, tmp_path, ct):
    root = save_folder(tmp_path, plans(spacing=(spacing,) * 3), mirrored=None)
    with pytest.raises(SegadvError, match="step Resample: the image's .* would be"):
        load_victim(root).on(ct)


def test_folds_of_two_trainings_are_refused(tmp_path):
    root = save_folder(tmp_path, plans(), folds=2)
    change_checkpoint(root, trainer_name="nnUNetTrainerNoMirroring")
    with pytest.raises(SegadvError, match="trained by nnUNetTrainer for .* but .*; remove one"):
        load_victim(root)


def test_nothing_in_a_checkpoint_runs(tmp_path):
    root = save_folder(tmp_path, plans(), mirrored=None)
    marker = tmp_path / "ran"
    change_checkpoint(root, logging=Runs(marker))
    with pytest.raises(SegadvError, match="holds more than weights, plain data and numbers"):
        load_victim(root)
    assert not marker.exists()
    (root / "fold_0" / "checkpoint_final.pth").write_bytes(pickle.dumps(Runs(marker)))
    with pytest.raises(SegadvError, match="damaged|holds more"):
        load_victim(root)
    assert not marker.exists()


def test_without_its_networks_the_package_is_named(tmp_path, monkeypatch):
    root = save_folder(tmp_path, plans(), mirrored=None)
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures", None)
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures.architectures.unet", None)
    with pytest.raises(SegadvError, match="pip install --no-deps dynamic-network-architectures"):
        load_victim(root)
