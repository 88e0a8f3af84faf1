"""A program that segments images of two channels: the sum of the first and a tenth of the second.

Usage: joined.py FIRST SECOND OUTPUT, or joined.py FOLDER OUTPUT_FOLDER with files numbered as for
nnU-Net. It lies beside a copy of program.py, whose thresholds it takes.
"""

import sys
from pathlib import Path

from program import read, segmented, write


def join(first, second, out):
    (one, head), (other, _) = read(first), read(second)
    write(out, segmented(one + other / 10), head)


def main(*places):
    *sources, out = map(Path, places)
    if not out.is_dir():
        join(*sources, out)
        return
    for first in sorted(sources[0].glob("*_0000.*")):
        second = first.with_name(first.name.replace("_0000.", "_0001."))
        join(first, second, out / first.name.replace("_0000.", "."))


if __name__ == "__main__":
    main(*sys.argv[1:])
