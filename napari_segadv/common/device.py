"""The choice of the device that computes."""

import torch

from ..errors import SegadvError


def pick_device(device: str) -> str:
    """Return "cpu" or "cuda"; "auto" means the GPU if torch finds one.

    Raises:
        SegadvError: if "cuda" is asked for but torch finds no GPU, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SegadvError(f"device {device}: unknown; use auto, cpu or cuda")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise SegadvError("device cuda: torch finds no GPU here; choose cpu (--device cpu)")
    return "cuda" if device != "cpu" and available else "cpu"
