"""nnU-Net's own predictor, for comparison; skips where it is not installed (`make nnunet`)."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

NETWORKS = "dynamic_network_architectures"
FOLDER = Path(os.environ.get("SEGADV_NNUNET", Path(__file__).parents[1] / ".nnunet"))


def needs_networks() -> None:
    """Skip unless nnU-Net's networks can be imported, from here or from FOLDER."""
    _reachable()
    pytest.importorskip(NETWORKS, reason=f"{NETWORKS} is not here; run: make nnunet")


def _reachable() -> None:
    # Behind everything else, so that torch stays the one that the tests run with.
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))


class Itself:
    """nnU-Net's predictor on the CPU, for one trainer folder."""

    def __init__(self, root: Path, mirroring: bool = True, step: float = 0.5) -> None:
        predicting = _module("nnunetv2.inference.predict_from_raw_data")
        self.predictor: Any = predicting.nnUNetPredictor(
            tile_step_size=step,
            use_mirroring=mirroring,
            device=torch.device("cpu"),
            allow_tqdm=False,
        )
        self.predictor.initialize_from_trained_model_folder(str(root), None)

    def preprocessed(self, image: np.ndarray, spacing) -> np.ndarray:
        """An image (C, *S), as the network gets it."""
        planned = self.predictor.configuration_manager
        data, _, _ = planned.preprocessor_class(verbose=False).run_case_npy(
            image.astype(np.float32),
            None,
            {"spacing": list(spacing)},
            self.predictor.plans_manager,
            planned,
            self.predictor.dataset_json,
        )
        return data

    def predicted(self, image: np.ndarray, spacing) -> tuple[np.ndarray, np.ndarray]:
        """The label map and the probabilities of an image (C, *S)."""
        return self.predictor.predict_single_npy_array(
            image.astype(np.float32), {"spacing": list(spacing)}, None, None, True
        )


def _module(name: str) -> Any:
    _reachable()
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(variable, str(FOLDER))
    try:
        importlib.import_module("nnunetv2.training.nnUNetTrainer.nnUNetTrainer")
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"nnU-Net itself is not here ({error}); run: make nnunet")
