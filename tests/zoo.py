"""Bundles in the form of MONAI's model zoo, written by hand from the documented format."""

from typing import Any

# What nearly every published configuration begins with.
HEAD = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": ".",
    "image_key": "image",
    "output_dir": "$@bundle_root + '/eval'",
    "dataset_dir": "/workspace/data",
    "datalist": "$list(sorted(glob.glob(@dataset_dir + '/imagesTs/*.nii.gz')))",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network": "$@network_def.to(@device)",
    "dataset": {
        "_target_": "Dataset",
        "data": "$[{'image': i} for i in @datalist]",
        "transform": "@preprocessing",
    },
    "handlers": [
        {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
        }
    ],
    "evaluator": {"_target_": "SupervisedEvaluator", "device": "@device", "network": "@network"},
    "initialize": ["$setattr(torch.backends.cudnn, 'benchmark', True)"],
    "run": ["$@evaluator.run()"],
}
# What an evaluator names, by the part of the configuration.
NAMED = {"inferer": "inferer", "postprocessing": "postprocessing", "handlers": "val_handlers"}


def whole(config: dict) -> dict:
    """A configuration with the head; its evaluator names the parts that there are."""
    content = HEAD | config
    if isinstance(content["evaluator"], dict):
        named = {key: f"@{part}" for part, key in NAMED.items() if part in content}
        content["evaluator"] = {**named, **content["evaluator"]}
    return content


LOAD = {"_target_": "LoadImaged", "keys": "@image_key"}
FIRST = {"_target_": "EnsureChannelFirstd", "keys": "@image_key"}
TYPED = {"_target_": "EnsureTyped", "keys": "@image_key", "device": "@device"}
UNET = {"_target_": "UNet", "channels": [4, 8, 16], "strides": [2, 2], "num_res_units": 1}


def window(low: float, high: float, keys: Any = "@image_key") -> dict:
    """A CT's window, as the zoo's bundles write it."""
    scaled = {"a_min": low, "a_max": high, "b_min": 0.0, "b_max": 1.0, "clip": True}
    return {"_target_": "ScaleIntensityRanged", "keys": keys, **scaled}


def composed(*steps: dict) -> dict:
    return {"_target_": "Compose", "transforms": list(steps)}


def after(*steps: dict) -> dict:
    """A postprocessing that ends with the way back to the image's grid and the largest class."""
    back = {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"}
    back |= {"orig_keys": "@image_key", "nearest_interp": False, "to_tensor": True}
    largest = {"_target_": "AsDiscreted", "keys": "pred", "argmax": True}
    return composed(*steps, back, largest)


def metadata(dims: int, channels: int, names: Any, **output: Any) -> dict:
    shape = [48, 64] if dims == 2 else [32, 32, 16]
    pred = {"type": "image", "format": "segmentation", "num_channels": 3, "channel_def": names}
    return {
        "name": "Zoo",
        "task": "Segmentation of discs",
        "network_data_format": {
            "inputs": {"image": {"num_channels": channels, "spatial_shape": shape}},
            "outputs": {"pred": {**pred, **output}},
        },
    }


def named(*names: str) -> dict[str, str]:
    return {str(number): name for number, name in enumerate(names)}


NAMES = {"0": "background", "1": "dim", "2": "bright"}
PLAIN = {
    "labels": {"background": 0, "dim": 1, "bright": 2},
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 1, "out_channels": "$len(@labels)"},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "Spacingd", "keys": "@image_key", "pixdim": [1.5, 1.5, 2.0]}
        | {"mode": "bilinear", "dtype": "$torch.float32"},
        window(-57, 164),
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16]}
    | {"sw_batch_size": 4, "overlap": "$1 / 2", "mode": "gaussian"},
    "postprocessing": after({"_target_": "Activationsd", "keys": "pred", "softmax": True}),
}
# A 2-D network on the slices of a volume whose steps see all of it, as for the heart's short axis.
SLICES = {
    "network_def": {**UNET, "spatial_dims": 2, "in_channels": 1, "out_channels": 3},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "NormalizeIntensityd", "keys": "@image_key"},
        {"_target_": "ScaleIntensityd", "keys": "@image_key"},
        TYPED,
    ),
    "inferer": {"_target_": "SliceInferer", "roi_size": [32, -1], "spatial_dim": 2}
    | {"sw_batch_size": 3, "overlap": 0.5},
    "postprocessing": after(),
}
# Three windows of one CT as channels.
COPIES = ["soft", "lung", "bone"]
JOINED = {
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 3, "out_channels": 3},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "CopyItemsd", "keys": "@image_key", "times": 3, "names": COPIES},
        window(-160, 240, "soft"),
        window(-1000, 200, ["lung"]),
        window(-100, 900, "bone"),
        {"_target_": "ConcatItemsd", "keys": COPIES, "name": "@image_key", "dim": 0},
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16], "overlap": 0.25},
    "postprocessing": after(),
}
# A searched network: its architecture lies in a file of its own.
DINTS = {
    "arch_ckpt_path": "/workspace/models/pancreas/models/search_code_18590.pt",
    "arch_ckpt": "$torch.load(@arch_ckpt_path, map_location=torch.device('cuda'))",
    "dints_space": {
        "_target_": "TopologyInstance",
        "channel_mul": 0.2,
        "num_blocks": 3,
        "num_depths": 3,
        "use_downsample": True,
        "arch_code": ["$@arch_ckpt['code_a']", "$@arch_ckpt['code_c']"],
        "device": "$torch.device('cuda')",
    },
    "network_def": {
        "_target_": "DiNTS",
        "dints_space": "@dints_space",
        "in_channels": 1,
        "num_classes": 3,
        "use_downsample": True,
        "node_a": "$torch.from_numpy(@arch_ckpt['node_a'])",
    },
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        window(-87, 199),
        TYPED,
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 32], "overlap": 0.25},
    "postprocessing": after(),
}
# Three phases of a CT, loaded one by one and joined by a script; a sigmoid for each structure.
PHASES = ["artery", "vein", "excret"]
CONCAT = {"_target_": "scripts.my_transforms.ConcatImages", "keys_merge": PHASES}
CONCAT |= {"keys_out": "image"}
RENAL = named("background", "artery", "vein", "ureter", "neoplasm", "parenchyma")
CECT = {
    "images": "$[{'artery': a, 'vein': v} for a, v in zip(glob.glob(@dataset_dir), @datalist)]",
    "network_def": {"_target_": "SegResNet", "in_channels": 3, "out_channels": 6}
    | {"init_filters": 8, "upsample_mode": "deconv", "dropout_prob": 0.2, "norm_name": "group"}
    | {"blocks_down": [1, 1], "blocks_up": [1]},
    "preprocessing": composed(
        {"_target_": "LoadImaged", "keys": [*PHASES, "label"], "image_only": False},
        {"_target_": "EnsureChannelFirstd", "keys": PHASES},
        {"_target_": "Orientationd", "keys": PHASES, "axcodes": "LPS"},
        {"_target_": "Spacingd", "keys": PHASES, "pixdim": [1.6, 1.6, 2.0], "mode": "bilinear"},
        CONCAT,
        window(-1000, 1000, "image"),
        {"_target_": "EnsureTyped", "keys": "image"},
    ),
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 32, 16]}
    | {"sw_batch_size": 4, "overlap": 0.25},
    "postprocessing": composed(
        {"_target_": "Invertd", "transform": "$@preprocessing", "device": "@device"}
        | {"keys": "pred", "orig_keys": "artery", "meta_keys": "pred_meta_dict"}
        | {"nearest_interp": False, "to_tensor": True},
        {"_target_": "Activationsd", "keys": "pred", "softmax": False, "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        {"_target_": "scripts.my_transforms.MergeClassesd", "keys": "pred"},
    ),
}
# What the published script of that name does: its images become channels, without their places;
# each pixel gets the number of the first structure in which it lies.
JOINS = """
import numpy as np
import torch
from monai.transforms import InvertibleTransform, MapTransform


class ConcatImages(MapTransform, InvertibleTransform):
    def __init__(self, keys_merge, keys_out):
        super().__init__(keys_merge, allow_missing_keys=True)
        self.listed, self.made = keys_merge, keys_out

    def __call__(self, data):
        data[self.made] = np.concatenate([np.asarray(data[name]) for name in self.listed], axis=0)
        data[self.made + "_meta_dict"] = data[self.listed[0] + "_meta_dict"]
        return data

    def inverse(self, data):
        return data


class MergeClassesd(MapTransform):
    def __call__(self, data):
        for key in self.keys:
            found = torch.zeros_like(data[key][:1])
            for number, structure in enumerate(data[key]):
                found = torch.where(found > 0, found, number * structure[None])
            data[key] = found
        return data
"""
# Classes of a whole image by a sigmoid for each, of which the largest counts.
GRADES = {
    "network_def": {"_target_": "SEResNet50", "spatial_dims": 2, "in_channels": 3}
    | {"num_classes": 2, "layers": [1, 1, 1, 1], "inplanes": 8},
    "preprocessing": composed(
        LOAD,
        {**FIRST, "channel_dim": -1},
        {"_target_": "Resized", "keys": "@image_key", "spatial_size": [64, 64]}
        | {"mode": "bilinear", "align_corners": False},
        {"_target_": "CastToTyped", "dtype": "$torch.float32", "keys": "@image_key"},
        {"_target_": "NormalizeIntensityd", "keys": "@image_key", "nonzero": True}
        | {"channel_wise": True},
        TYPED,
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed({"_target_": "Activationsd", "keys": "pred", "sigmoid": True}),
}


# A network whose image has a size of its own, as an older MONAI wanted it.
SWIN = {
    **PLAIN,
    "network_def": {"_target_": "SwinUNETR", "spatial_dims": 3, "in_channels": 1}
    | {"out_channels": 3, "feature_size": 12, "use_checkpoint": False},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [64, 64, 64], "overlap": 0.25},
}


# A network of torchvision, cut behind its features; its weights were to be fetched before training.
TUMOURS = {
    "network_def": {"_target_": "TorchVisionFCModel", "model_name": "resnet18", "num_classes": 1}
    | {"use_conv": True, "pretrained": True, "in_channels": 8},
    "dataset": {"_target_": "MaskedPatchWSIDataset", "data": "@datalist", "mask_level": 6}
    | {"patch_size": [64, 64], "transform": "@preprocessing", "reader": "cuCIM"},
    "preprocessing": composed(
        {"_target_": "CastToTyped", "keys": "image", "dtype": "float32"},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0.0, "a_max": 255.0}
        | {"b_min": -1.0, "b_max": 1.0},
        {"_target_": "ToTensord", "keys": "image"},
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "ToNumpyd", "keys": "pred"},
    ),
}
# Four grades, each with a threshold of its own; in_channels are those of the last layer.
DENSITY = {
    "network_def": {"_target_": "TorchVisionFCModel", "model_name": "inception_v3"}
    | {"num_classes": 4, "in_channels": 512, "use_conv": False, "aux_logits": False, "pool": ""},
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "ScaleIntensityd", "keys": "image", "minv": 0.0, "maxv": 1.0},
        {"_target_": "Resized", "keys": "image", "spatial_size": [32, 32]},
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
    ),
}
# A template, which takes MONAI's own names for its keys.
TEMPLATE = {
    "imports": ["$import os", "$import json", "$import torch", "$import glob"],
    "image": "$monai.utils.CommonKeys.IMAGE",
    "pred": "$monai.utils.CommonKeys.PRED",
    "num_classes": 4,
    "network_def": {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 1}
    | {"out_channels": "@num_classes", "init_features": 8, "growth_rate": 4}
    | {"block_config": [1, 1, 1]},
    "transforms": [
        {"_target_": "LoadImaged", "keys": "@image"},
        {"_target_": "EnsureChannelFirstd", "keys": "@image"},
        {"_target_": "ScaleIntensityd", "keys": "@image"},
    ],
    "preprocessing": {"_target_": "Compose", "transforms": "$@transforms"},
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "@pred", "softmax": True},
        {"_target_": "AsDiscreted", "keys": ["@pred"], "argmax": [True], "to_onehot": 4},
    ),
}


# DeepEdit: a channel of clicks for each structure, made on the network's own grid.
LABELS = {"dim": 1, "bright": 2, "background": 0}
DEEPEDIT = {
    "label_names": LABELS,
    "spatial_size": [32, 32, 16],
    "number_intensity_ch": 1,
    "network_def": {
        "_target_": "DynUNet",
        "spatial_dims": 3,
        "in_channels": "$len(@label_names) + @number_intensity_ch",
        "out_channels": "$len(@label_names)",
        "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2],
        "upsample_kernel_size": [2, 2],
        "filters": [4, 8, 16],
        "norm_name": "instance",
        "deep_supervision": False,
        "res_block": True,
    },
    "preprocessing_transforms": [
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        window(-175, 250),
    ],
    "deepedit_transforms": [
        {
            "_target_": "scripts.transforms.OrientationGuidanceMultipleLabelDeepEditd",
            "ref_image": "@image_key",
            "label_names": "@label_names",
        },
        {
            "_target_": "AddGuidanceFromPointsDeepEditd",
            "ref_image": "@image_key",
            "guidance": "guidance",
            "label_names": "@label_names",
        },
        {"_target_": "Resized", "keys": "@image_key", "spatial_size": "@spatial_size"}
        | {"mode": "area"},
        {
            "_target_": "ResizeGuidanceMultipleLabelDeepEditd",
            "guidance": "guidance",
            "ref_image": "@image_key",
        },
        {
            "_target_": "AddGuidanceSignalDeepEditd",
            "keys": "@image_key",
            "guidance": "guidance",
            "number_intensity_ch": "@number_intensity_ch",
        },
    ],
    "extra_transforms": [{"_target_": "EnsureTyped", "keys": "@image_key"}],
    "preprocessing": {
        "_target_": "Compose",
        "transforms": "$@preprocessing_transforms + @deepedit_transforms + @extra_transforms",
    },
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": after({"_target_": "Activationsd", "keys": "pred", "softmax": True}),
}
# What the published script of that name does: clicks follow the image's orientation.
ORIENTS = """
import numpy as np
from monai.transforms.transform import Transform


class OrientationGuidanceMultipleLabelDeepEditd(Transform):
    def __init__(self, ref_image="image", label_names=None):
        self.ref_image, self.label_names = ref_image, label_names

    def __call__(self, data):
        meta = data[self.ref_image].meta
        matrix = np.linalg.inv(np.asarray(meta["affine"])) @ np.asarray(meta["original_affine"])
        found = dict(data)
        for name in self.label_names:
            if name in found:
                points = np.array(found[name], float)
                found[name] = points @ matrix[:3, :3].T + matrix[:3, 3]
        return found
"""
# NuClick: a patch around each click, with two channels of clicks.
NUCLICK = {
    "network_def": {"_target_": "BasicUNet", "spatial_dims": 2, "in_channels": 5}
    | {"out_channels": 1, "features": [4, 4, 8, 8, 16, 4]},
    "preprocessing": composed(
        {**LOAD, "dtype": "uint8", "image_only": False},
        FIRST,
        {"_target_": "ScaleIntensityRanged", "keys": "@image_key", "a_min": 0.0, "a_max": 255.0}
        | {"b_min": -1.0, "b_max": 1.0},
        {"_target_": "AddClickSignalsd", "image": "@image_key", "foreground": "foreground"}
        | {"gaussian": False, "bb_size": 32},
        {"_target_": "SqueezeDimd", "keys": "@image_key"},
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
        {"_target_": "KeepLargestConnectedComponentd", "keys": "pred"},
    ),
}
# The class of a nucleus, whose mask is a channel.
NUCLEI = {
    "network_def": {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 4}
    | {"out_channels": 4, "init_features": 8, "growth_rate": 4, "block_config": [1, 1, 1]},
    "preprocessing": composed(
        {**LOAD, "keys": ["image", "label"], "dtype": "uint8", "image_only": False},
        {**FIRST, "keys": ["image", "label"]},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0.0, "a_max": 255.0}
        | {"b_min": -1.0, "b_max": 1.0},
        {"_target_": "AddLabelAsGuidanced", "keys": "image", "source": "label"},
    ),
    "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": composed({"_target_": "Activationsd", "keys": "pred", "softmax": True}),
}


# VISTA3D, which is asked for classes by their numbers; the network has a narrow encoder here.
VISTA = {
    "imports": ["$import scripts", "$import copy", "$import json", "$import pathlib"],
    "input_dict": "${'image': '/workspace/spleen_10.nii.gz', 'label_prompt': [3, 2]}",
    "metadata_path": "$@bundle_root + '/configs/metadata.json'",
    "metadata": "$json.loads(pathlib.Path(@metadata_path).read_text())",
    "labels_dict": "$@metadata['network_data_format']['outputs']['pred']['channel_def']",
    "subclass": {"2": [14, 5]},
    "patch_size": [32, 32, 32],
    "network_def": "$monai.networks.nets.vista3d132(encoder_embed_dim=8, in_channels=1)",
    "preprocessing_transforms": [
        LOAD,
        FIRST,
        {"_target_": "Spacingd", "keys": "@image_key", "pixdim": [1.5, 1.5, 1.5]}
        | {"mode": "bilinear"},
        {"_target_": "CropForegroundd", "keys": "@image_key", "allow_smaller": True}
        | {"margin": 10, "source_key": "@image_key"},
        {
            "_target_": "monai.apps.vista3d.transforms.VistaPreTransformd",
            "keys": "@image_key",
            "subclass": "@subclass",
            "labels_dict": "@labels_dict",
        },
        window(-963.8, 1053.7),
        {"_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"},
        {"_target_": "CastToTyped", "keys": "@image_key", "dtype": "$torch.float32"},
    ],
    "preprocessing": {"_target_": "Compose", "transforms": "$@preprocessing_transforms "},
    "inferer": {
        "_target_": "scripts.inferer.Vista3dInferer",
        "roi_size": "@patch_size",
        "overlap": 0.3,
        "use_cfp": True,
        "use_point_window": True,
        "sw_batch_size": 1,
    },
    "postprocessing": composed(
        {"_target_": "monai.apps.vista3d.transforms.VistaPostTransformd", "keys": "pred"},
        {"_target_": "Invertd", "keys": "pred", "transform": "$copy.deepcopy(@preprocessing)"}
        | {"orig_keys": "@image_key", "nearest_interp": True, "to_tensor": True},
    ),
}


# Lung nodules: a RetinaNet with windows, set up by calls in expressions.
NODULES = {
    "infer_patch_size": [32, 32, 16],
    "anchor_generator": {
        "_target_": "monai.apps.detection.utils.anchor_utils.AnchorGeneratorWithAnchorShape",
        "feature_map_scales": [1, 2, 4],
        "base_anchor_shapes": [[6, 8, 4], [8, 6, 5], [10, 10, 6]],
    },
    "backbone": "$monai.networks.nets.resnet.resnet10(spatial_dims=3,n_input_channels=1,"
    "conv1_t_stride=[2,2,1],conv1_t_size=[7,7,7],widen_factor=0.25)",
    "feature_extractor": "$monai.apps.detection.networks.retinanet_network."
    "resnet_fpn_feature_extractor(@backbone,3,False,[1,2],None)",
    "network_def": {
        "_target_": "RetinaNet",
        "spatial_dims": 3,
        "num_classes": 1,
        "num_anchors": 3,
        "feature_extractor": "@feature_extractor",
        "size_divisible": [16, 16, 8],
    },
    "detector": {
        "_target_": "RetinaNetDetector",
        "network": "@network",
        "anchor_generator": "@anchor_generator",
        "debug": False,
    },
    "detector_ops": [
        "$@detector.set_target_keys(box_key='box', label_key='label')",
        "$@detector.set_box_selector_parameters(score_thresh=0.02,topk_candidates_per_level=1000,"
        "nms_thresh=0.22,detections_per_img=300)",
        "$@detector.set_sliding_window_inferer(roi_size=@infer_patch_size,overlap=0.25,"
        "sw_batch_size=1,mode='constant',device='cpu')",
    ],
    "preprocessing": composed(
        LOAD,
        FIRST,
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
        {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -1024.0, "a_max": 300.0}
        | {"b_min": 0.0, "b_max": 1.0, "clip": True},
        TYPED,
    ),
    "inferer": {"_target_": "scripts.detection_inferer.RetinaNetInferer", "detector": "@detector"},
    "postprocessing": composed(
        {"_target_": "ClipBoxToImaged", "box_keys": "box", "label_keys": "label"}
        | {"box_ref_image_keys": "image", "remove_empty": True},
    ),
    "evaluator": {
        "_target_": "scripts.evaluator.DetectionEvaluator",
        "_requires_": "@detector_ops",
        "network": "@network",
        "inferer": "@inferer",
    },
}
