"""nnU-Net v2 trainer folders with small seeded networks, as its trainer writes them."""

import json
from pathlib import Path

import numpy as np
import torch

from napari_segadv.victims.loading.nnunet_network import read_checkpoint

SPLINE, TORCH = "resample_data_or_seg_to_shape", "resample_torch_fornnunet"
INTENSITIES = {
    "mean": 40.0,
    "std": 90.0,
    "percentile_00_5": -160.0,
    "percentile_99_5": 240.0,
    "min": -1024.0,
    "max": 1500.0,
    "median": 30.0,
}
LABELS = {"background": 0, "liver": 1, "spleen": 2}
UNET, RESENC = "unet.PlainConvUNet", "unet.ResidualEncoderUNet"


def resamplers(kind: str = SPLINE) -> dict:
    """The resampling of a plan, as nnU-Net's planner writes it."""
    if kind == TORCH:
        data = logits = {"is_seg": False, "force_separate_z": False}
        data = logits = {**data, "memefficient_seg_resampling": False, "force_separate_z": None}
    else:
        data = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
        logits = {**data, "order": 1}
    return {
        "resampling_fn_data": kind,
        "resampling_fn_data_kwargs": data,
        "resampling_fn_seg": kind,
        "resampling_fn_seg_kwargs": {**data, "is_seg": True},
        "resampling_fn_probabilities": kind,
        "resampling_fn_probabilities_kwargs": logits,
    }


def architecture(kind: str, dims: int, stages: int = 2, kernel: int = 3) -> dict:
    """The network of a plan: a few channels on two resolutions."""
    blocks = "n_conv_per_stage" if kind == UNET else "n_blocks_per_stage"
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.{kind}",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": [4 * 2**i for i in range(stages)],
            "conv_op": f"torch.nn.modules.conv.Conv{dims}d",
            "kernel_sizes": [[kernel] * dims] * stages,
            "strides": [[1] * dims, *[[2] * dims] * (stages - 1)],
            blocks: [1] * stages,
            "n_conv_per_stage_decoder": [1] * (stages - 1),
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dims}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def plans(
    name: str = "3d_fullres",
    network: str = UNET,
    patch=(8, 16, 16),
    spacing=(3.0, 1.5, 1.5),
    schemes=("CTNormalization",),
    masked=(False,),
    resampling: str = SPLINE,
    transpose=(0, 1, 2),
    dataset: str = "Dataset007_Abdomen",
    reader: str = "SimpleITKIO",
    **more,
) -> dict:
    """The contents of plans.json; `more` goes into the configuration."""
    configuration = {
        "data_identifier": f"nnUNetPlans_{name}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(patch),
        "median_image_size_in_voxels": [20.0, 36.0, 40.0][-len(patch) :],
        "spacing": list(spacing),
        "normalization_schemes": list(schemes),
        "use_mask_for_norm": list(masked),
        **resamplers(resampling),
        "architecture": architecture(network, len(patch)),
        "batch_dice": False,
        **more,
    }
    return {
        "dataset_name": dataset,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [3.0, 1.5, 1.5],
        "original_median_shape_after_transp": [20, 36, 40],
        "image_reader_writer": reader,
        "transpose_forward": list(transpose),
        "transpose_backward": [int(i) for i in np.argsort(transpose)],
        "configurations": {name: configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(i): INTENSITIES for i in range(len(schemes))
        },
    }


def network_of(plan: dict, outputs: int, seed: int = 0) -> torch.nn.Module:
    """The network of a plan with random weights, so large that it decides."""
    from napari_segadv.victims.loading.nnunet_network import build_planned

    configuration = next(iter(plan["configurations"].values()))
    torch.manual_seed(seed)
    channels = len(configuration["normalization_schemes"])
    network = build_planned(configuration["architecture"], channels, outputs)
    for parameter in network.decoder.seg_layers.parameters():
        torch.nn.init.normal_(parameter, std=1.0 if parameter.ndim > 1 else 0.0)
    return network


def save_folder(
    folder: Path,
    plan: dict | None = None,
    labels: dict | None = None,
    order: list | None = None,
    channels=("CT",),
    folds: int = 1,
    seed: int = 5,
    mirrored: tuple | None = (0, 1, 2),
    trainer: str = "nnUNetTrainer",
) -> Path:
    """Write a trainer folder as nnU-Net leaves it after training; return its path."""
    plan, labels = plan or plans(), labels or LABELS
    name = next(iter(plan["configurations"]))
    root = folder / plan["dataset_name"] / f"{trainer}__nnUNetPlans__{name}"
    root.mkdir(parents=True)
    dataset = {
        "channel_names": {str(i): channel for i, channel in enumerate(channels)},
        "labels": labels,
        "numTraining": 10,
        "file_ending": ".nii.gz",
    }
    if order is not None:
        dataset["regions_class_order"] = order
    (root / "plans.json").write_text(json.dumps(plan))
    (root / "dataset.json").write_text(json.dumps(dataset))
    outputs = len(order) if order is not None else len([k for k in labels if k != "ignore"])
    for fold in range(folds):
        network = network_of(plan, outputs, seed=seed + fold)
        optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.99, nesterov=True)
        (root / f"fold_{fold}").mkdir()
        checkpoint = {
            "network_weights": network.state_dict(),
            "optimizer_state": optimiser.state_dict(),
            "grad_scaler_state": None,
            "logging": {
                "mean_fg_dice": [np.float64(0.5), np.float64(0.6)],
                "train_losses": [np.float32(-0.1)],
                "lrs": [0.01],
            },
            "_best_ema": np.float64(0.6),
            "current_epoch": 1000,
            "init_args": {"plans": plan, "configuration": name, "fold": fold},
            "trainer_name": trainer,
            "inference_allowed_mirroring_axes": mirrored,
        }
        torch.save(checkpoint, root / f"fold_{fold}" / "checkpoint_final.pth")
    return root


def change(root: Path, name: str, **more) -> None:
    """Change entries of plans.json, its configuration or dataset.json."""
    path = root / ("dataset.json" if name == "dataset" else "plans.json")
    content = json.loads(path.read_text())
    if name == "configuration":
        content["configurations"]["3d_fullres"] |= more
    else:
        content |= more
    path.write_text(json.dumps(content))


def change_checkpoint(root: Path, **more) -> None:
    """Change entries of the first fold's checkpoint."""
    path = root / "fold_0" / "checkpoint_final.pth"
    torch.save(read_checkpoint(path) | more, path)


def change_layers(root: Path, **more) -> None:
    """Change the network in plans.json."""
    content = json.loads((root / "plans.json").read_text())
    network = content["configurations"]["3d_fullres"]["architecture"]
    network["arch_kwargs"] |= more.pop("arch_kwargs", {})
    change(root, "configuration", architecture={**network, **more})
