"""A program that segments: it reads a PNG or NIfTI file and writes the mask of bright pixels.

Usage: program.py INPUT OUTPUT [MODE]. Both may be folders, with one file an image. Pixels of at
least 95 and 155 are the classes 1 and 2. MODE is what goes wrong, see `BAD`.
"""

import gzip
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

THRESHOLDS = (95, 155)
# Numpy's types by their codes in NIfTI.
TYPES = {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 512: "<u2"}


def read(path):
    """Return an image's values, and what is needed to write a mask of the same geometry."""
    if path.suffix == ".png":
        from PIL import Image

        return np.array(Image.open(path)).astype(float), None
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    count, *sizes = struct.unpack("<8h", content[40:56])
    (code,) = struct.unpack("<h", content[70:72])
    offset, slope, intercept = struct.unpack("<3f", content[108:120])
    values = np.frombuffer(content, TYPES[code], int(np.prod(sizes[:count])), int(offset))
    # In a file the first axis changes fastest.
    stored = values.reshape(sizes[:count][::-1]).astype(float)
    return stored * (slope or 1) + (intercept if slope else 0), content[: int(offset)]


def write(path, mask, head):
    """Write a mask as uint8, with the header of the image."""
    mask = mask.astype(np.uint8)
    if path.suffix == ".png":
        from PIL import Image

        Image.fromarray(mask).save(path)
        return
    head = bytearray(head)
    head[70:74] = struct.pack("<2h", 2, 8)
    head[112:120] = struct.pack("<2f", 1, 0)
    for axis, size in enumerate(mask.shape[::-1], start=1):
        head[40 + 2 * axis : 42 + 2 * axis] = struct.pack("<h", size)
    content = bytes(head) + mask.tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def segmented(values):
    """Return the classes of grey values, or of the means of colours."""
    values = values.mean(-1) if values.shape[-1] == 3 else values
    return np.digitize(values, THRESHOLDS)


def hang(path, mask, head):
    """Never end; nor does what it has started, which its file names."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    note = os.environ.get("PROGRAM_NOTE")
    if note:
        Path(note).write_text(f"{os.getpid()} {child.pid}\n{Path.cwd()}")
    threading.Event().wait()


def fail(path, mask, head):
    sys.stderr.write("reading the weights\n\x1b[31mno weights in /models\x1b[0m\n\n")
    sys.exit(3)


def moved(path, mask, head):
    """The geometry is another one: 5 mm further along x."""
    head = bytearray(head)
    for place in (268, 292):
        (now,) = struct.unpack("<f", head[place : place + 4])
        head[place : place + 4] = struct.pack("<f", now + 5)
    write(path, mask, head)


def link(path, mask, head):
    outside = path.parents[4] / f"outside{''.join(path.suffixes)}"
    write(outside, mask, head)
    path.symlink_to(outside)


BAD = {
    "hang": hang,
    "fail": fail,
    "crash": lambda path, mask, head: os.abort(),
    "smaller": lambda path, mask, head: write(path, mask[..., 1:, :], head),
    "moved": moved,
    "nothing": lambda path, mask, head: None,
    "another": lambda path, mask, head: write(path.with_name("mask.png"), mask[..., :, :], head),
    "garbage": lambda path, mask, head: path.write_bytes(b"mask" * 100),
    "link": link,
    "classes": lambda path, mask, head: write(path, mask + 5, head),
    "pipe": lambda path, mask, head: os.mkfifo(path),
    "folder": lambda path, mask, head: path.mkdir(),
}


def main(source, out, mode=""):
    for image in sorted(source.iterdir()) if source.is_dir() else [source]:
        values, head = read(image)
        name = image.name.replace("_0000", "")
        BAD.get(mode, write)(out / name if out.is_dir() else out, segmented(values), head)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
