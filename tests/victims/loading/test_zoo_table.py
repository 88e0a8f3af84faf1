"""What docs/victims.md says of each bundle of the zoo holds for a bundle of its form."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from zoo import (
    CECT,
    DEEPEDIT,
    DENSITY,
    DINTS,
    GRADES,
    NAMES,
    NODULES,
    NUCLEI,
    NUCLICK,
    PLAIN,
    RENAL,
    SLICES,
    SWIN,
    TEMPLATE,
    TUMOURS,
    UNET,
    VISTA,
    after,
    composed,
    metadata,
    named,
    whole,
)
from zoo_itself import save_zoo

from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim

DOCS = Path(__file__).parents[3] / "docs" / "victims.md"
ROW = re.compile(r"^\| `(\w+)` \| (loads|asks|refused)", re.MULTILINE)
LOADS, ASKS, REFUSED = "loads", "asks", "refused"

VOLUME = metadata(3, 1, NAMES)
COLOUR = metadata(2, 3, NAMES)
CLASSES = metadata(2, 3, named(*"ABCD"), format="classes", num_channels=4)
TOOL = {**GRADES, "network_def": {**UNET, "spatial_dims": 2, "in_channels": 3, "out_channels": 3}}
TOOL |= {"postprocessing": after()}
OWN = {**PLAIN, "network_def": {"_target_": "scripts.net.Net"}}
# Four sequences, and a sigmoid for each of three structures.
OVERLAPPING = {
    **PLAIN,
    "network_def": {**UNET, "spatial_dims": 3, "in_channels": 4, "out_channels": 3},
    "postprocessing": composed(
        {"_target_": "Activationsd", "keys": "pred", "sigmoid": True},
        {"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5},
    ),
}
HOVER = {
    **TOOL,
    "network_def": {"_target_": "HoVerNet", "mode": "fast", "in_channels": 3, "out_classes": 5},
    "inferer": {"_target_": "SlidingWindowHoVerNetInferer", "roi_size": 256},
}
CELLS = {
    **TOOL,
    "preprocessing": composed({"_target_": "scripts.components.LoadTiffd", "keys": "image"}),
}
PROGRAM = {"args": {"run_inference": True}, "inference": ["$scripts.inference.main(@args)"]}

# A bundle's form, its metadata, and what comes of it.
BUNDLES = {
    "spleen_ct_segmentation": (PLAIN, VOLUME, LOADS),
    "swin_unetr_btcv_segmentation": (SWIN, VOLUME, LOADS),
    "ventricular_short_axis_3label": (SLICES, VOLUME, LOADS),
    "wholeBody_ct_segmentation": (PLAIN, VOLUME, LOADS),
    "pancreas_ct_dints_segmentation": (DINTS, VOLUME, LOADS),
    "multi_organ_segmentation": (DINTS, VOLUME, LOADS),
    "pediatric_abdominal_ct_segmentation": (PLAIN, VOLUME, LOADS),
    "endoscopic_tool_segmentation": (TOOL, COLOUR, LOADS),
    "prostate_mri_anatomy": (PLAIN, VOLUME, LOADS),
    "spleen_deepedit_annotation": (DEEPEDIT, metadata(3, 4, NAMES), LOADS),
    "pathology_nuclick_annotation": (
        NUCLICK,
        metadata(2, 5, named("Nuclei"), num_channels=1),
        LOADS,
    ),
    "vista3d": (VISTA, metadata(3, 1, named(*map(str, range(133))), num_channels=1), ASKS),
    "renalStructures_UNEST_segmentation": (OWN, VOLUME, ASKS),
    "wholeBrainSeg_Large_UNEST_segmentation": (OWN, VOLUME, ASKS),
    "brats_mri_segmentation": (
        OVERLAPPING,
        metadata(3, 4, named("core", "whole", "enhancing")),
        LOADS,
    ),
    "renalStructures_CECT_segmentation": (CECT, metadata(3, 3, RENAL, num_channels=6), ASKS),
    "pathology_nuclei_segmentation_classification": (HOVER, COLOUR, REFUSED),
    "vista2d": (CELLS, COLOUR, REFUSED),
    "retinalOCT_RPD_segmentation": (PROGRAM, COLOUR, REFUSED),
    "segmentation_template": (PLAIN, VOLUME, LOADS),
    "endoscopic_inbody_classification": (GRADES, CLASSES, LOADS),
    "classification_template": (
        TEMPLATE,
        metadata(2, 1, named(*"ABCD"), format="classes", num_channels=4),
        LOADS,
    ),
    "pathology_nuclei_classification": (
        NUCLEI,
        metadata(2, 4, named(*"ABCD"), format="classes", num_channels=4),
        LOADS,
    ),
    "breast_density_classification": (DENSITY, CLASSES, ASKS),
    "pathology_tumor_detection": (
        TUMOURS,
        metadata(2, 3, named("metastasis"), format="classification", num_channels=1),
        ASKS,
    ),
    "lung_nodule_ct_detection": (
        NODULES,
        {**metadata(3, 1, {}, format="dict"), "task": "CT lung nodule detection"},
        ASKS,
    ),
}


def test_every_bundle_has_its_row():
    rows = dict(ROW.findall(DOCS.read_text()))
    assert rows == {name: outcome for name, (_, _, outcome) in BUNDLES.items()}


# Bundles of one form are tried once.
FORMS = {id(config): name for name, (config, _, _) in reversed(BUNDLES.items())}


@pytest.mark.parametrize("name", FORMS.values())
def test_what_its_row_says_comes_of_it(name, tmp_path):
    config, meta, outcome = BUNDLES[name]
    rng = np.random.default_rng(0)
    cells = {"code_a": np.ones((3, 7), np.int64), "code_c": rng.integers(0, 2, (3, 7))}
    arch = {**cells, "node_a": np.ones((4, 3), np.int64)}
    # What is asked about or refused needs no weights of its own.
    root = save_zoo(tmp_path, config if outcome == LOADS else PLAIN, meta, arch)
    if outcome != LOADS:
        text = json.dumps(config if config is PROGRAM else whole(config))
        (root / "configs" / "inference.json").write_text(text)
    assert comes_of(root) == outcome


def comes_of(root: Path) -> str:
    try:
        loaded = load_victim(root)
    except NeedsTrust:
        return ASKS
    except SegadvError as error:
        return REFUSED if "\n" not in str(error) else str(error)
    return LOADS if loaded.trust == "data" else loaded.trust
