"""Files that are no image, each with what has to be said of it: made by hand, byte by byte.

`corpus(folder)` writes them. A name that begins with "cut" is a truncated file: of these alone the
message may ask whether the file is complete and of the type that its name says.
"""

import bz2
import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import tifffile
from helpers import write_series
from PIL import Image

ARRAY = np.random.default_rng(0).integers(0, 120, (6, 20, 24)).astype(np.int16)
GREY = ARRAY[0].astype(np.uint8)
RAW = ARRAY.tobytes()
Bad = tuple[str, bytes, str]


def nifti(second=False, **fields) -> bytes:
    """A NIfTI file with some fields of its header set to what nibabel would not write."""
    kind = nib.Nifti2Image if second else nib.Nifti1Image
    blob = kind(ARRAY.T, np.diag([-1.0, -1, 2, 1])).to_bytes()
    length = 540 if second else 348
    header = (nib.Nifti2Header if second else nib.Nifti1Header)(blob[:length], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + blob[length:]


def nrrd(data: bytes = RAW, **fields) -> bytes:
    """A NRRD file; a field whose value is None is left out."""
    whole = {
        "type": "short",
        "dimension": "3",
        "sizes": "24 20 6",
        "endian": "little",
        "encoding": "raw",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }
    lines = [f"{name}: {value}" for name, value in whole.items() if value is not None]
    return ("\n".join(["NRRD0004", *lines]) + "\n\n").encode() + data


def meta(data: bytes = RAW, **fields) -> bytes:
    """A MetaImage file; a field whose value is None is left out."""
    whole = {"NDims": 3, "DimSize": "24 20 6", "ElementType": "MET_SHORT", **fields}
    place = whole.pop("ElementDataFile", "LOCAL")
    lines = [f"{name} = {value}" for name, value in whole.items() if value is not None]
    return ("\n".join([*lines, f"ElementDataFile = {place}"]) + "\n").encode() + data


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width=24, height=20, bits=8, kind=0, data=None, between=b"", interlace=0) -> bytes:
    """A PNG file whose parts can be wrong."""
    rows = b"".join(b"\0" + row.tobytes() for row in GREY)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlace)
    body = chunk(b"IDAT", zlib.compress(rows) if data is None else data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + between + body + chunk(b"IEND")


def tiff(order="<", big=False, following=0, magic=None, **tags) -> bytes:
    """A TIFF file of one strip; a tag, written t256, whose value is None is left out."""
    whole = {256: 24, 257: 20, 258: 8, 259: 1, 262: 1, 273: 512, 277: 1, 278: 20, 279: 480}
    whole |= {int(name[1:]): value for name, value in tags.items()}
    found = sorted((tag, value) for tag, value in whole.items() if value is not None)
    if big:
        entries = b"".join(struct.pack(f"{order}HHQQ", tag, 16, 1, v) for tag, v in found)
        head = struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, len(found))
        entries += struct.pack(f"{order}Q", following)
    else:
        entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, v) for tag, v in found)
        head = struct.pack(f"{order}HIH", 42, 8, len(found))
        entries += struct.pack(f"{order}I", following)
    start = (magic or (b"II" if order == "<" else b"MM")) + head
    return (start + entries).ljust(512, b"\0") + GREY.tobytes()


def saved(array, kind, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


JPEG = saved(GREY, "JPEG")
CUT = "complete and of the type that its name says"


def niftis() -> Iterator[Bad]:
    whole, second = nifti(), nifti(second=True)
    packed = gzip.compress(whole)
    for n, blob in enumerate((whole[:200], whole[:350], whole[:400], whole[:-1], second[:539])):
        yield f"cut{n}.nii", blob, CUT
    for n, blob in enumerate((packed[:9], packed[:40], packed[: len(packed) // 2], packed[:-4])):
        yield f"cut{n}.nii.gz", blob, CUT
    yield "cut-inside.nii.gz", gzip.compress(whole[:-300]), CUT
    yield "text.nii", b"hello" * 100, "no header of NIfTI"
    yield "zeros.nii", bytes(4000), "no header of NIfTI"
    yield "flip.nii.gz", packed[:-8] + b"\1\2\3\4" + packed[-4:], "do not match their checksum"
    yield "length.nii.gz", packed[:-4] + b"\1\2\3\4", "do not match their checksum"
    yield "stream.nii.gz", packed[:60] + bytes(99) + packed[160:], "damaged|complete"
    yield "bomb.nii.gz", gzip.compress(whole + bytes(200 << 20), 1), "more than 64 MB behind"
    huge = [3, 32767, 32767, 32767, 1, 1, 1, 1]
    yield "huge.nii.gz", gzip.compress(nifti(dim=huge)), "ends before its image"
    yield "huge.nii", nifti(dim=huge), "ends before its image"
    huge = [3, 2**40, 2**40, 2**40, 1, 1, 1, 1]
    yield "vast.nii", nifti(second=True, dim=huge), "ends before its image"
    yield "lie.nii.gz", gzip.compress(nifti(dim=[3, 2000, 2000, 50, 1, 1, 1, 1])), "ends before"
    dims = {"negative": [3, 24, -20, 6], "zero": [3, 24, 0, 6], "none": [0, 24, 20, 6]}
    dims |= {"many": [8, 24, 20, 6], "less": [-1, 24, 20, 6], "line": [1, 24, 1, 1]}
    for name, dim in dims.items():
        blob = nifti(dim=[*dim, 1, 1, 1, 1])
        yield f"dim-{name}.nii", blob, "size|header is invalid|one dimension"
    yield "time.nii", nifti(dim=[4, 24, 20, 3, 2, 1, 1, 1]), "4 dimensions"
    yield "seven.nii", nifti(dim=[7, 24, 20, 1, 1, 1, 3, 2]), "7 dimensions"
    yield "pairs.nii", nifti(dim=[5, 24, 20, 3, 1, 2, 1, 1]), "2 values per pixel"
    for code, says in ((0, "unknown"), (1, "single bits"), (1536, "128-bit"), (32, "complex")):
        yield f"type-{code}.nii", nifti(datatype=code), says
    yield "type-9999.nii", nifti(datatype=9999), "unknown type 9999"
    for name, value in (("nan", np.nan), ("inf", np.inf), ("less", -5), ("far", 1e20)):
        yield f"offset-{name}.nii", nifti(vox_offset=value), "header is invalid"
    yield "offset-late.nii", nifti(vox_offset=5000), "ends before its image"
    yield "srow-nan.nii", nifti(srow_x=[np.nan, 0, 0, 0]), "NaN or infinity"
    yield "srow-inf.nii", nifti(srow_y=[0, np.inf, 0, 0]), "NaN or infinity"
    yield "srow-zero.nii", nifti(srow_z=[0, 0, 0, 0]), "length 0"
    yield "srow-shear.nii", nifti(srow_x=[-1, 0.4, 0, 0]), "a shear"
    yield "srow-same.nii", nifti(srow_y=[-1, 0, 0, 0]), "length 0|right angles"
    yield "quatern.nii", nifti(qform_code=1, sform_code=0, quatern_b=9), "header is invalid"
    zero = [1, 0, 1, 2, 1, 1, 1, 1]
    yield "pixdim.nii", nifti(pixdim=zero, sform_code=0, qform_code=1), "size 0"
    yield "intercept.nii", nifti(scl_slope=2, scl_inter=np.nan), "intercept"
    yield "slope.nii", nifti(scl_slope=3e38), "float32|NaN or infinite"
    yield "magic.nii", whole[:344] + b"n+3\0" + whole[348:], "no header of NIfTI"
    yield "half.hdr", whole[:352], "the other is missing"


def volumes() -> Iterator[Bad]:
    for n, blob in enumerate((nrrd()[:-1], nrrd()[:-900], nrrd(b""))):
        yield f"cut{n}.nrrd", blob, CUT
    yield "cut-header.nrrd", nrrd()[:20], "header"
    packed = gzip.compress(RAW)
    yield "cut-packed.nrrd", nrrd(packed[:-9], encoding="gzip"), CUT
    yield "cut-bz2.nrrd", nrrd(bz2.compress(RAW)[:-20], encoding="bzip2"), CUT
    yield "flip.nrrd", nrrd(packed[:-5] + b"\1" + packed[-4:], encoding="gzip"), "checksum"
    flipped = bytearray(bz2.compress(RAW))
    flipped[200] ^= 8
    yield "flip-bz2.nrrd", nrrd(bytes(flipped), encoding="bzip2"), "damaged"
    bomb = gzip.compress(bytes(300 << 20), 1)
    yield "bomb.nrrd", nrrd(bomb, encoding="gzip"), "more than 64 MB behind"
    bomb = bz2.compress(bytes(100 << 20))
    yield "bomb-bz2.nrrd", nrrd(bomb, encoding="bzip2"), "more than 64 MB behind"
    yield "text.nrrd", b"hello", "does not begin as a NRRD"
    yield "endless.nrrd", b"NRRD0004\n" + b"# x\n" * 300_000, "header"
    yield "vast.nrrd", nrrd(sizes="99999999 99999999 99999999"), "ends before its image"
    yield "lie.nrrd", nrrd(packed, sizes="2000 2000 400", encoding="gzip"), "ends before"
    yield "number.nrrd", nrrd(b"1 2 x " * 4000, encoding="text"), "damaged"
    yield "range.nrrd", nrrd(b"70000 " * 4000, encoding="text"), "damaged"
    yield "few.nrrd", nrrd(b"1 " * 2879, encoding="text"), CUT
    yield "digits.nrrd", nrrd(b"xy" * 9000, encoding="hex"), "damaged"
    wrong = [
        *[{"type": "block"}, {"type": "shortish"}, {"dimension": "17"}, {"dimension": "-3"}],
        *[{"sizes": "24 20"}, {"sizes": "a b c"}, {"sizes": "0 0 0"}, {"encoding": "lzma"}],
        *[{"endian": "middle"}, {"byte_skip": "x"}, {"line_skip": "-1"}, {"kinds": "domain"}],
        *[{"space_directions": "(1,0,0) (0,1,0) none none"}, {"spacings": "1 x 1"}],
        *[{"space_directions": "(1,0,0) (0,1,0,0) (0,0,1)"}, {"spacings": "1 1"}],
    ]
    for n, fields in enumerate(wrong):
        yield f"field{n}.nrrd", nrrd(**fields), f"header is invalid|{next(iter(fields))}"
    for n, name in enumerate(("/etc/passwd", "../a.raw", "/dev/zero", "~/a", "a%d%d 1 2 3")):
        yield f"data{n}.nrrd", nrrd(data_file=name), "outside its folder|makes no sense"
    yield "binary.nrrd", b"NRRD0004\n" + bytes(range(256)) + b"\n\n", "header"
    nan = np.full((6, 20, 24), np.nan, np.float32).tobytes()
    yield "nan.nrrd", nrrd(nan, type="float"), "NaN or infinite"
    yield "flat.nrrd", nrrd(bytes(5760)), "every pixel is 0"
    for n, blob in enumerate((meta()[:-1], meta(b""))):
        yield f"cut{n}.mha", blob, CUT
    yield "cut-header.mha", meta()[:30], "header ends before"
    yield "cut-packed.mha", meta(zlib.compress(RAW)[:-9], CompressedData="True"), CUT
    flipped = bytearray(zlib.compress(RAW))
    flipped[-1] ^= 1
    yield "flip.mha", meta(bytes(flipped), CompressedData="True"), "checksum"
    yield "packed.mha", meta(CompressedData="True"), "no valid stream"
    yield "text.mha", b"hello", "does not begin as a MetaImage"
    yield "vast.mha", meta(DimSize="99999999 99999999 99999999"), "ends before its image"
    fields = [{"NDims": "x"}, {"NDims": 2}, {"DimSize": "24 20 -6"}, {"DimSize": "24 20 x"}]
    fields += [{"ElementType": "MET_OTHER"}, {"ElementSpacing": "1 2"}, {"Offset": "a b c"}]
    fields += [{"ElementNumberOfChannels": -1}, {"HeaderSize": "x"}, {"HeaderSize": 99}]
    fields += [{"TransformMatrix": "1 0 0 0 1 0 0 0"}]
    for n, one in enumerate(fields):
        yield f"field{n}.mha", meta(**one), "header is invalid"
    yield "shear.mha", meta(TransformMatrix="1 0 0 0.3 1 0 0 0 1"), "a shear"
    yield "zero.mha", meta(TransformMatrix="0 0 0 0 1 0 0 0 1"), "length 0"
    yield "nan.mha", meta(ElementSpacing="nan 1 1"), "NaN or infinity"
    yield "time.mha", meta(NDims=4, DimSize="24 20 3 2"), "4 dimensions"
    yield "vector.mha", meta(ElementNumberOfChannels=2, DimSize="24 20 3"), "2 values per pixel"
    for n, name in enumerate(("/etc/passwd", "../a.raw", "/dev/zero", "file:///etc/passwd")):
        yield f"data{n}.mha", meta(ElementDataFile=name), "outside its folder"
    yield "list.mha", meta(b"", ElementDataFile="LIST"), "0 data files"
    many = b"a.raw\n" * 70_000
    yield "list-long.mha", meta(many, ElementDataFile="LIST"), "data files"
    yield "missing.mha", meta(ElementDataFile="nothing.raw"), "is missing"


def photographs() -> Iterator[Bad]:
    whole = png()
    for n, size in enumerate((9, 30, 45, len(whole) - 40, len(whole) - 12, len(whole) - 3)):
        yield f"cut{n}.png", whole[:size], CUT
    flipped = bytearray(whole)
    flipped[60] ^= 4
    yield "flip.png", bytes(flipped), "checksum|no valid stream"
    yield "few.png", png(height=30), CUT
    yield "vast.png", png(width=2**31 - 1, height=2**31 - 1), "ends before its image"
    bomb = zlib.compress(bytes(170 << 20), 9)
    yield "bomb.png", png(30_000, 30_000, data=bomb), "far too many|ends before"
    yield "lie.png", png(13_000, 13_000, data=zlib.compress(bytes(90_000_000), 9)), CUT
    yield "zero.png", png(width=0), "damaged"
    yield "bits.png", png(bits=3), "damaged"
    yield "kind.png", png(kind=5), "damaged"
    yield "bits-rgb.png", png(bits=4, kind=2), "damaged|can't be read"
    yield "stream.png", png(data=b"no stream" * 9), "damaged|ends before"
    yield "palette.png", png(kind=3), "damaged|palette"
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300 << 20), 9))
    yield "text-bomb.png", png(between=text), "damaged|can't be read|bomb|too"
    yield "empty.png", whole[:8], CUT
    yield "order.png", whole[:8] + chunk(b"IDAT", b"") + whole[8:], "does not begin with its size"
    yield "hello.png", b"hello", "neither PNG nor JPEG nor TIFF"
    yield "flat.png", saved(np.zeros((9, 9), np.uint8), "PNG"), "every pixel is 0"
    for n, size in enumerate((3, 20, len(JPEG) // 3, len(JPEG) - 60)):
        yield f"cut{n}.jpg", JPEG[:size], "complete|damaged|kind that can't be read"
    frame = JPEG.index(b"\xff\xc0")
    large = JPEG[: frame + 5] + b"\xff\xff\xff\xff" + JPEG[frame + 9 :]
    yield "vast.jpg", large, "far too many|damaged|ends before|complete"
    none = JPEG[: frame + 5] + bytes(4) + JPEG[frame + 9 :]
    yield "zero.jpg", none, "damaged|kind that can't be read"
    yield "bits.jpg", JPEG[: frame + 4] + b"\x0c" + JPEG[frame + 5 :], "damaged|can't be read"
    lossless = JPEG[:frame] + b"\xff\xc3" + JPEG[frame + 2 :]
    yield "lossless.jpg", lossless, "damaged|can't be read|complete"
    yield "hello.jpg", b"hello", "neither PNG nor JPEG nor TIFF"
    for kind, suffix in (("GIF", ".png"), ("BMP", ".jpg"), ("WebP", ".tif")):
        yield f"other{suffix}", saved(GREY, kind), f"is a {kind} file; convert it"


def tiffs() -> Iterator[Bad]:
    whole = tiff()
    for n, size in enumerate((6, 9, 100, 500, len(whole) - 1)):
        yield f"cut{n}.tif", whole[:size], "complete"
    yield "loop1.tif", tiff(following=8), "its pages form a loop"
    second = 512 + 480
    page = tiff()[8 : 8 + 2 + 9 * 12 + 4]
    pages = [page[:-4] + struct.pack("<I", second + len(page) * (n + 1)) for n in range(400)]
    pages[-1] = page[:-4] + struct.pack("<I", second + len(page) * 200)
    yield "loop200.tif", tiff(following=second) + b"".join(pages), "its pages form a loop"
    yield "loop-big.tif", tiff(big=True, following=16), "its pages form a loop"
    yield "beyond.tif", tiff(following=99_999), "complete"
    yield "tags.tif", b"II*\0\x08\0\0\0\xff\xff" + bytes(2000), "tags|complete|damaged"
    yield "none.tif", b"II*\0" + bytes(8), "no pages"
    yield "few.tif", b"II*\0\x08\0\0\0\1\0" + whole[10:22] + bytes(4), "damaged"
    yield "hello.tif", b"hello", "neither PNG nor JPEG nor TIFF"
    vast = {"t256": 2**31, "t257": 2**31, "t278": 2**31}
    yield "vast.tif", tiff(**vast), "damaged|ends before|needs|holds"
    yield "wide.tif", tiff(t256=2**28), "complete"
    yield "lie.tif", tiff(t257=100_000, t278=100_000), "complete"
    deflate = zlib.compress(GREY.tobytes())
    for n, (code, data) in enumerate(((8, deflate[:-30]), (8, b"nothing"), (5, b"\1\2\3"))):
        blob = tiff(t259=code, t279=len(data))[:512] + data
        yield f"stream{n}.tif", blob, "damaged|complete"
    flipped = deflate[:-1] + bytes([deflate[-1] ^ 1])
    yield "flip.tif", tiff(t259=8, t279=len(flipped))[:512] + flipped, "checksum"
    bomb = zlib.compress(bytes(400 << 20), 9)
    many = {"t256": 20_000, "t257": 20_000, "t278": 20_000, "t259": 8, "t279": len(bomb)}
    yield "flat-bomb.tif", tiff(**many)[:512] + bomb, "every pixel is 0|needs"
    yield "bomb.tif", tiff(t259=8, t279=len(bomb))[:512] + bomb, "every pixel is 0"
    for tag, value in ((256, 0), (257, 0), (277, 0), (278, 0), (258, 0), (258, 9), (258, 24)):
        yield f"tag{tag}-{value}.tif", tiff(**{f"t{tag}": value}), "damaged|bits|type|complete"
    yield "samples.tif", tiff(t277=60_000), "complete|damaged|values"
    yield "format.tif", tiff(t339=9), "type|damaged|not intensities"
    yield "complex.tif", tiff(t339=6, t258=64, t257=2, t278=2), "complex|damaged|complete"
    for code in (0, 9, 34712, 34892, 50001, 65000):
        yield f"code-{code}.tif", tiff(t259=code), "compressed by|damaged|can't be read"
    for code in (2, 3, 4, 6, 7):
        yield f"code-{code}.tif", tiff(t259=code), "damaged|complete"
    for kind in (4, 8, 9, 32803, 51000):
        yield f"colour-{kind}.tif", tiff(t262=kind), "convert it to grey or RGB|damaged"
    yield "palette.tif", tiff(t262=3), "damaged"
    yield "rgb.tif", tiff(t262=2), "convert it to grey or RGB|damaged"
    yield "offset.tif", tiff(t273=2**32 - 1), "complete"
    yield "count.tif", tiff(t279=2**32 - 1), "complete"
    yield "short.tif", tiff(t279=100), "complete"
    yield "no-strips.tif", tiff(t273=None, t279=None), "damaged|complete"
    yield "no-size.tif", tiff(t256=None), "damaged"
    yield "tile.tif", tiff(t322=7, t323=7, t324=512, t325=480), "damaged|complete"
    yield "tile-0.tif", tiff(t322=0, t323=0, t324=512, t325=480), "damaged|complete"
    yield "tile-vast.tif", tiff(t322=2**30, t323=2**30, t324=512, t325=480), "damaged|complete"
    for number, text in enumerate(("images=99999999", "images=3")):
        yield f"imagej{number}.tif", imagej(f"ImageJ=1.5\n{text}\n"), "complete"
    yield "channels.tif", imagej("ImageJ=1.5\nimages=2\nchannels=2\n"), "holds 2 channels"
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tif:
        for array in (GREY, GREY[::2]):
            tif.write(array, metadata=None)
    yield "sizes.tif", file.getvalue(), "do not belong together"


def imagej(text: str) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, GREY, description=text, metadata=None)
    return file.getvalue()


def dicoms(folder: Path) -> Iterator[Bad]:
    """A slice of a series, with bytes changed by simple surgery."""
    (path,) = write_series(folder, ARRAY[:1])
    whole = path.read_bytes()
    path.unlink()
    folder.rmdir()
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    for n, size in enumerate((132, 140, 300, pixels - 20, pixels + 12, len(whole) - 100)):
        yield f"cut{n}.dcm", whole[:size], ""
    yield "text.dcm", b"hello" * 50, ""
    yield "magic.dcm", bytes(128) + b"DICM", ""
    yield "zeros.dcm", bytes(128) + b"DICM" + bytes(4000), ""

    def changed(tag: bytes, value: bytes, skip: int = 8) -> bytes:
        place = whole.index(tag) + skip
        return whole[:place] + value + whole[place + len(value) :]

    rows, columns, bits = (b"\x28\0" + n for n in (b"\x10\0", b"\x11\0", b"\0\1"))
    words = {"rows-0": (rows, 0), "rows-65535": (rows, 65535), "columns-0": (columns, 0)}
    words |= {"columns-65535": (columns, 65535), "bits-13": (bits, 13), "bits-0": (bits, 0)}
    words |= {"bits-64": (bits, 64), "samples-0": (b"\x28\0\2\0", 0)}
    words |= {"samples-7": (b"\x28\0\2\0", 7)}
    for name, (tag, value) in words.items():
        yield f"{name}.dcm", changed(tag, struct.pack("<H", value)), ""
    yield "length.dcm", changed(b"\xe0\x7f\x10\0", struct.pack("<I", 2**32 - 4)), ""
    yield "odd.dcm", changed(b"\x28\0\x10\0", struct.pack("<H", 60_000), 6), ""
    yield "syntax.dcm", whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"), ""
    yield "jpeg.dcm", whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4\0"), ""
    yield "deflated.dcm", whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"), ""
    yield "slope.dcm", changed(b"\x28\0\x53\x10", b"x "), ""
    yield "flat.dcm", whole[: pixels + 12] + bytes(len(whole) - pixels - 12), ""


def corpus(folder: Path) -> dict[str, str]:
    """Write all of them, each into a folder of its own; return what has to be said of each."""
    makers: list[Callable[[], Iterator[Bad]]] = [niftis, volumes, photographs, tiffs]
    makers.append(lambda: dicoms(folder / "series"))
    expected: dict[str, str] = {}
    for maker in makers:
        for name, content, says in maker():
            assert name not in expected, f"{name} twice"
            expected[name] = says
            (folder / name).mkdir()
            (folder / name / name).write_bytes(content)
    return expected
