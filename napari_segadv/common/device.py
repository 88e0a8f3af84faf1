"""The choice of the device that computes, and of its precision."""

import platform
from typing import Literal

import torch
from torch.backends import cpu

from ..errors import SegadvError

# Of an attack's passes; "auto" is what pays for the network on this machine.
Precision = Literal["auto", "float32", "bfloat16"]


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


def describe_processor(device: str) -> str:
    """Name the kind of processor: sums in another order, on another kind, differ in the last bit.

    Args:
        device: "cpu" or "cuda".
    """
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return f"{platform.machine()} {cpu.get_cpu_capability()}"
