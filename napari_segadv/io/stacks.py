"""TIFF files as images: one page, a volume of pages, or one of several that a number chooses."""

from collections.abc import Sequence
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..data.scan import Array, Grid, Scan
from ..errors import SegadvError
from .described import Claim, calibrated, claim_of
from .integrity import check_memory, damaged
from .pages import WHITE_IS_0, read_block, read_page, values_of
from .pixels import Pixels, component
from .place import SEPARATOR, number_of
from .streams import LEVEL
from .tiff import NONE, check_pages, layout_of, quiet

# Pages in the tags of another page that are looked at.
MOST_HIDDEN = 64
# A tail behind the image that is as long as the image, and this long, may be other images.
LONG_TAIL = 1 << 16


def read_pages(path: Path, file: BufferedReader, which: str, mask: bool) -> Pixels:
    """Read a TIFF file; pages of the same size and type are the slices of a volume.

    Args:
        path: the file, for messages.
        file: the file, open.
        which: the number of a page, or of a value that each pixel has, from 1; "" for the whole.
        mask: whether class numbers are meant: indices into a palette rather than its colours.

    Raises:
        SegadvError: if it can't be read, or holds several images of which none is chosen.
    """
    count = check_pages(file, path)
    file.seek(0)
    try:
        with quiet(), tifffile.TiffFile(file, name=path.name) as tif:
            pages = [_page(tif, number, path) for number in range(count)]
            return _read(path, file, pages, which, mask)
    except SegadvError:
        raise
    except (tifffile.TiffFileError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise damaged(path, str(error)[:120]) from None
    except (IndexError, OverflowError, RuntimeError, ZeroDivisionError) as error:
        raise damaged(path, str(error)[:120]) from None


def _page(tif: Any, number: int, path: Path) -> Any:
    """Return a page with its own tags."""
    page = tif.pages[number]
    if not isinstance(page, tifffile.TiffPage):
        raise damaged(path, f"page {number + 1} has no tags of its own")
    return page


def _read(path: Path, file: BufferedReader, pages: list[Any], which: str, mask: bool) -> Pixels:
    """Read the pages that are meant."""
    # Thumbnails and the smaller steps of a pyramid are no images of their own.
    full = [n for n, page in enumerate(pages) if not int(page.subfiletype) & 1]
    full = full or list(range(len(pages)))
    claim = claim_of(pages[0])
    block = claim.images if len(pages) == 1 and claim.behind and claim.images > 1 else 0
    kinds = _kinds(pages, full)
    # Where each pixel has several values, these are what is chosen from.
    values = values_of(pages[0]) if len(kinds) == 1 and not block else 1
    if which and values == 1:
        chosen: Sequence[int] = [number_of(which, block or len(pages), path, "")]
    else:
        _check_volume(path, pages, full, claim, block)
        chosen = range(block) if block else full
    for number in [0] if block else chosen:
        _check_hidden(path, pages[number])
    if block:
        found = read_block(path, file, pages[0], block, chosen, mask)
    else:
        check_memory(path, sum(layout_of(pages[n], path).nbytes for n in chosen))
        found = [read_page(path, file, pages[n], n, mask) for n in chosen]
    whole = _stacked(found, path)
    inverted = int(pages[chosen[0] if not block else 0].photometric) == WHITE_IS_0 and not mask
    whole = calibrated(whole, claim, mask, inverted)
    tail = () if block or len(pages) > 1 else _tail(path, pages[0])
    whole = replace(whole, notes=(*whole.notes, *claim.notes, *tail))
    if which and whole.vectors:
        if values == 1:
            raise SegadvError(
                f"{path}: page {which} has {whole.components} values per pixel; save it as a file "
                "of its own"
            )
        return component(whole, path, which)
    return whole


def _stacked(found: list[Pixels], path: Path) -> Pixels:
    """Return one image, or several of one kind as a volume."""
    if len(found) == 1:
        return found[0]
    array = np.stack([one.array for one in found])
    notes = tuple(dict.fromkeys(note for one in found for note in one.notes))
    grid = Grid.pixels((len(found), *found[0].grid.shape))
    alphas = [one.alpha for one in found if one.alpha is not None]
    alpha = np.stack(alphas) if len(alphas) == len(found) else None
    return Pixels(array, grid, notes=notes, vectors=found[0].vectors, alpha=alpha)


def _kinds(pages: list[Any], full: list[int]) -> set[tuple[Any, ...]]:
    return {
        (page.shape, str(page.dtype), int(page.photometric), int(page.planarconfig))
        for page in (pages[n] for n in full)
    }


def _check_volume(path: Path, pages: list[Any], full: list[int], claim: Claim, block: int) -> None:
    """Refuse pages that are not the slices of one volume, or not all that are described.

    Raises:
        SegadvError: if they are not.
    """
    choose = f"choose one by {path.name}{SEPARATOR}1 to {SEPARATOR}{block or len(pages)}"
    if len(_kinds(pages, full)) > 1:
        sizes = dict.fromkeys(f"{p.imagewidth} x {p.imagelength}" for p in (pages[n] for n in full))
        listed = ", ".join(sizes)[:120]
        raise SegadvError(
            f"{path}: has {len(full)} pages that do not belong together ({listed}); {choose}"
        )
    held = block or len(full)
    if claim.several and held > 1:
        raise SegadvError(f"{path}: holds {claim.several} in {held} pages; {choose}")
    if claim.images > held:
        pages_are = "1 page" if held == 1 else f"{held} pages"
        raise SegadvError(
            f"{path}: describes {claim.images} images ({claim.program}), but has {pages_are}; save "
            f"them all as pages of one file, or choose one by {path.name}{SEPARATOR}1"
            + (f" to {SEPARATOR}{held}" if held > 1 else "")
        )
    if claim.program == "tifffile" and claim.images < held:
        stacks = [n for n in (claim_of(pages[n]).images for n in full) if n]
        if len(stacks) > 1 and max(stacks) > 1:
            listed = " and ".join(map(str, stacks[:9]))
            raise SegadvError(
                f"{path}: holds {len(stacks)} stacks, of {listed} pages; save one of them, or "
                f"{choose}"
            )


def _check_hidden(path: Path, page: Any) -> None:
    """Refuse a page with others in its tags that are not smaller steps of it.

    Raises:
        SegadvError: if there are such ones: which is the image is not known.
    """
    size = int(page.imagelength) * int(page.imagewidth)
    for index in range(min(len(page.subifds or ()), MOST_HIDDEN)):
        other = page.pages[index]
        if int(other.imagelength) * int(other.imagewidth) >= size:
            other_size = f"{other.imagewidth} x {other.imagelength}"
            raise SegadvError(
                f"{path}: has a second image of {other_size} in the tags of a page (SubIFD), no "
                "smaller than the page; save the one that is meant as a plain TIFF file"
            )


def _tail(path: Path, page: Any) -> tuple[str, ...]:
    """Say that the file goes on behind an image as if there were others."""
    if int(page.compression) != NONE:
        return ()
    ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=False)]
    tail, size = path.stat().st_size - max(ends), sum(page.databytecounts)
    if tail < max(size, LONG_TAIL):
        return ()
    return (f"{tail} bytes behind its image are ignored: its header names one page.",)


def write_pages(stored: Array, grid: Grid, path: Path, scan: Scan) -> None:
    """Write a page for each slice, compressed without loss, components last."""
    components = stored.shape[-1] if stored.ndim > grid.ndim else 1
    if stored.dtype == bool:
        stored = stored.astype(np.uint8)
    options: dict[str, Any] = {"photometric": "minisblack"}
    if components == 3 and scan.colour:
        options = {"photometric": "rgb"}
    elif components > 1:
        options |= {"planarconfig": "contig", "extrasamples": [0] * (components - 1)}
    options |= {"compression": "zlib", "compressionargs": {"level": LEVEL}}
    slices = stored if grid.ndim == 3 else stored[None]
    with quiet(), tifffile.TiffWriter(path) as tif:
        for one in slices:
            tif.write(np.ascontiguousarray(one), metadata=None, **options)
