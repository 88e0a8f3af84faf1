"""Two-pass gradient of a volume: memory, and agreement with the full graph. Prints figures.

Each part runs in a separate process, and its peak memory is the high-water mark of that process.
Run: python benchmarks/two_pass.py
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet
from torch import Tensor

from napari_segadv.victims.windows import Passes, SlidingWindows, sliding

ROI, OVERLAP = (64, 64, 64), 0.25
PARTS = ("patch", "two passes", "full graph", "forward only")


def network() -> UNet:
    torch.manual_seed(0)
    net = UNet(3, 1, 4, (8, 16, 32, 64), (2, 2, 2), num_res_units=1).eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net


def gradient(run: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Tensor:
    x = x.requires_grad_()
    loss = torch.nn.functional.cross_entropy(run(x), labels)
    return torch.autograd.grad(loss, x)[0]


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(part: str, size: tuple[int, ...], out: str) -> dict[str, float]:
    """Return a part's peak memory above the start and its process time; save its gradient."""
    torch.set_num_threads(2)
    net = network()
    generator = torch.Generator().manual_seed(1)
    shape = ROI if part == "patch" else size
    x = torch.randn(1, 1, *shape, generator=generator)
    labels = torch.randint(0, 4, (1, *shape), generator=generator)
    # Use the network once first: what this loads should not count.
    gradient(net, torch.zeros(1, 1, 16, 16, 16), torch.zeros(1, 16, 16, 16, dtype=torch.int64))
    spec = SlidingWindows(ROI, 1, (OVERLAP,))
    image = x.clone()
    start, clock = peak_mib(), time.process_time()
    result = x
    if part == "patch":
        # One patch gets a gradient from outside, as in the second pass.
        y = net(x.requires_grad_())
        (result,) = torch.autograd.grad(y, x, torch.ones_like(y))
    elif part == "two passes":
        result = gradient(lambda v: sliding(v, net, spec, Passes()), x, labels)
    elif part == "full graph":
        run = lambda v: sliding_window_inference(v, ROI, 1, net, OVERLAP, "gaussian")  # noqa: E731
        result = gradient(run, x, labels)
    else:
        with torch.no_grad():
            sliding(x, net, spec, Passes())
    figures = {"mib": peak_mib() - start, "seconds": time.process_time() - clock}
    assert torch.equal(x.detach(), image), "the caller's image changed"
    torch.save(result, out)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=3, default=(96, 160, 160))
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    size = tuple(options.size)
    if options.part:
        print(json.dumps(measure(options.part, size, options.out)))
        return
    import tempfile
    from pathlib import Path

    found, gradients = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            out = str(Path(folder) / "gradient.pt")
            command = [sys.executable, __file__, "--part", part, "--out", out]
            command += ["--size", *map(str, size)]
            # Return each freed block to the system, so that the peak is that of live tensors and
            # not of what the C library keeps for later.
            malloc = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, env=os.environ | malloc
            )
            found[part] = json.loads(done.stdout.splitlines()[-1])
            gradients[part] = torch.load(out)
    ours, theirs = gradients["two passes"], gradients["full graph"]
    difference = float((ours - theirs).norm() / theirs.norm())
    signs = float((ours.sign() == theirs.sign()).float().mean())
    volume = 4 * float(torch.tensor(size).prod()) / 2**20
    allowed = 1.3 * found["patch"]["mib"] + 5 * volume
    print(f"volume {size}, patches {ROI}, overlap {OVERLAP}; a volume is {volume:.1f} MiB")
    for part in PARTS:
        print(f"{part:13} {found[part]['mib']:7.0f} MiB {found[part]['seconds']:7.1f} s of CPU")
    print(f"two passes may take 1.3 patches and 5 volumes: {allowed:.0f} MiB")
    print(f"gradient: relative difference {difference:.1e}, equal signs {signs:.4%}")
    if options.json:
        figures = {
            "peak_mib": found["two passes"]["mib"],
            "allowed_mib": allowed,
            "relative_difference": difference,
            "equal_signs": signs,
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
