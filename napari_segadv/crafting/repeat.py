"""Repeat a saved result: make the same image again from its record, and compare the two."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import io
from ..attacks import Attack, Progress, get
from ..common.device import pick_device
from ..common.generators import finished
from ..common.hashing import recorded_before, sha256_of_files
from ..common.json_data import Entry
from ..common.parameters import parameters
from ..common.wording import counted, percent, with_units
from ..data.scan import Scan
from ..errors import SegadvError
from ..io.output import CHOICES, output_for
from ..results.example import Example, stored_as
from ..results.files import ADVERSARIAL
from ..results.finding import adversarial_in, stored_hash, stored_names
from ..results.loading import listed_channels
from ..results.provenance import describe_image, hash_of
from ..results.sources import Saved
from ..results.unchanged import changed_since
from ..victims import load_victim
from ..victims.shown import shown_to
from ..victims.victim import Victim
from .craft import craft_steps
from .record import describe_machine

ROLES = ("target", "truth", "region", "care")
GENERATOR = "generator"
# More threads than any processor has.
MOST_THREADS = 1024
# What the image's description may differ in, and how it is called.
KINDS = {"shape": "shape", "spacing": "spacing", "units": "units", "dtype": "storage type"}


@dataclass(frozen=True, eq=False)
class Repeated:
    """A result that was made again.

    Attributes:
        example: the new one.
        same: whether its image is the saved one, bit for bit; by its recorded hash if the saved
            file is gone or has changed.
        pixels: how many values differ; None if the saved image was not there to be compared, or
            has changed.
        largest: their largest difference, in the image's units; None as for `pixels`.
        differences: what is not as it was then, a few words each.
    """

    example: Example
    same: bool
    pixels: int | None
    largest: float | None
    differences: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """What came out, in one line or two for people."""
        found = "; ".join(self.differences)
        if self.same:
            head = "the same image, bit for bit"
            return (head, f"although {found}") if found else (head,)
        if self.pixels is None or self.largest is None:
            head = "another image; by how much can't be said, since the recorded one is not here"
        else:
            units = self.example.clean.units if not self.example.clean.parts else "of its units"
            head = (
                f"another image: {counted(self.pixels, 'value')} of "
                f"{self.example.clean.array.size} differ, by at most "
                f"{with_units(format(self.largest, 'g'), units)}"
            )
        why = f"what differs: {found}" if found else "everything that is recorded is as it was then"
        return head, why


def repeat(result: str | Path, **options: Any) -> Repeated:
    """Make the image of a saved result again, and say whether it is the same.

    Args:
        result: the folder of the result, or its `result.json`.
        options: keyword arguments of `repeat_steps`.

    Raises:
        SegadvError: if the record does not suffice, or the parts do not fit each other.

    Examples:
        >>> import napari_segadv as sa
        >>> from napari_segadv.samples import phantom
        >>> victim = sa.load_victim("demo:chest-xray")
        >>> attack = sa.attacks.FGSM(epsilon=2.0)
        >>> folder = sa.craft(phantom("chest-xray", seed=20001)[0], victim, attack).save("out")
        >>> sa.repeat(folder).lines
        ('the same image, bit for bit',)
    """
    return finished(repeat_steps(result, **options))


def repeat_steps(
    result: str | Path,
    *,
    image: Scan | str | Path | Sequence[str | Path] | None = None,
    victim: Victim | str | Path | None = None,
    surrogates: Sequence[Victim | str | Path] = (),
    inputs: Mapping[str, Any] | None = None,
    generator: str | Path | None = None,
    present: str | None = None,
    device: str | None = None,
    load: Callable[[str], Victim] = load_victim,
    poll: Callable[[], None] | None = None,
) -> Generator[Progress, None, Repeated]:
    """Run `repeat` step by step: yield Progress after each step and return what came out.

    Args:
        result: the folder of the result, or its `result.json`.
        image, victim, surrogates: what has moved since, or was not in a file; by default, what the
            record names. Of an image of several channels, the files of all.
        inputs: the same for "target", "truth", "region" and "care".
        generator: the same for the folder of the generator that the attack draws from.
        present: how the image is presented to the victim; None: as recorded.
        device: where to compute; None: where it was computed.
        load: loads a network; it asks for consent as `load_victim` does.
        poll: as for `craft_steps`.

    Raises:
        SegadvError: if the record does not suffice, or the parts do not fit each other.
    """
    saved = Saved.at(result)
    entry = saved.entry
    attack = _attack(saved, generator)
    place = saved.image() if image is None else image
    scan = place if isinstance(place, Scan) else io.read(place)
    shares = _shares(entry, scan)
    listed = entry.entries("surrogates") if "surrogates" in entry.values else []
    loaded = _loaded(saved.victim() if victim is None else victim, load, entry.entry("victim"))
    substitutes = surrogates or saved.surrogates()
    recorded = [*listed, *[None] * len(substitutes)]
    others = [_loaded(one, load, of) for one, of in zip(substitutes, recorded, strict=False)]
    given = {role: (inputs or {}).get(role) for role in ROLES}
    given = {r: saved.given(r, scan) if one is None else one for r, one in given.items()}
    if (given["target"] is None) != (saved.goal == "untargeted"):
        raise entry.wrong(f'"goal" is {saved.goal}, but the target says otherwise')
    where = _device(saved, device)
    differences = [
        *_differences_of_image(saved, scan),
        *_differences_of_networks(saved, loaded, others),
        *filter(None, (saved.difference(role, one) for role, one in given.items())),
        *_differences_of_presenting(entry, present),
    ]
    options: dict[str, Any] = {
        **given,
        "slices": _slices(entry),
        "channels": shares,
        "surrogate": others,
        "present": _present(entry, present),
        **_output(saved, scan),
        "device": where,
        "precision": entry.text("precision") if "precision" in entry.values else "float32",
        "seed": entry.whole("seed"),
        "poll": poll,
    }
    with _threads(entry):
        differences += _differences_of_machine(entry, where)
        example = yield from craft_steps(scan, loaded, attack, **options)
    return _compared(saved, example, differences)


def _attack(saved: Saved, generator: str | Path | None) -> Attack:
    """Return the attack with its recorded parameters.

    Args:
        saved: the result.
        generator: the folder of the generator that the attack draws from; None: as recorded.

    Raises:
        SegadvError: if this version does not have it, or has no such parameters.
    """
    entry = saved.entry
    kind = get(entry.text("method"))
    recorded = {**kind.added, **entry.entry("parameters").values}
    known = {one.name: one for one in parameters(kind)}
    unknown = next((name for name in recorded if name not in known), None)
    missing = next((name for name in known if name not in recorded), None)
    if unknown or missing:
        raise entry.wrong(
            f"{kind.name} has other parameters in this version ({unknown or missing}), so it can't "
            "be repeated"
        )
    listed: dict[str, Any] = {
        n: tuple(v) if isinstance(v, list) else v for n, v in recorded.items()
    }
    if generator is not None and not kind.loads:
        raise SegadvError(
            f"{saved.path}: its method {kind.name} draws from no generator; remove --{GENERATOR}"
        )
    if generator is not None:
        listed[kind.loads] = str(generator)
    elif kind.loads and listed[kind.loads]:
        listed[kind.loads] = saved.found(str(listed[kind.loads]), GENERATOR)
    return kind(**listed)


def _loaded(
    source: Victim | str | Path, load: Callable[[str], Victim], recorded: Entry | None
) -> Victim:
    """Load a network, and show it what the record says that it was shown, such as clicks.

    Raises:
        SegadvError: if it can't be loaded, or takes nothing of the kind.
    """
    victim = source if isinstance(source, Victim) else load(str(source))
    if recorded is None or "shown" not in recorded.values:
        return victim
    shown = recorded.entry("shown")
    try:
        return shown_to(victim, shown.values)
    except SegadvError as error:
        raise shown.wrong(str(error)) from None


def _slices(entry: Entry) -> tuple[int, int] | None:
    if "slices" not in entry.values:
        return None
    first, last = entry.numbers("slices", 2)
    return int(first), int(last)


def _shares(entry: Entry, scan: Scan) -> dict[str | int, float] | None:
    """Return the share of the budget of each channel, by its number.

    Raises:
        SegadvError: if the image has another number of channels than the record says.
    """
    listed = listed_channels(entry, scan, "give the image that was attacked with --image")
    return {n: one.number("share") for n, one in enumerate(listed, start=1)} or None


def _present(entry: Entry, given: str | None) -> str:
    """Return how the image is presented.

    Raises:
        SegadvError: if the record does not say it.
    """
    found = _presented(entry) if given is None else given
    if found is None:
        raise SegadvError(
            f"{entry.where}: is of an earlier version, which did not record how the image was to "
            "be presented to the model; say it with --present"
        )
    return found


def _presented(entry: Entry) -> str | None:
    """Return how the image was presented; None if a result of an earlier version can't say it."""
    if "present" in entry.values:
        return entry.text("present")
    # Earlier versions said only that it was presented in some way, and of surrogates not even that.
    return None if "presentation" in entry.values or "surrogates" in entry.values else "none"


def _differences_of_presenting(entry: Entry, given: str | None) -> Iterator[str]:
    recorded = _presented(entry)
    if given is not None and recorded is not None and given != recorded:
        yield f"presented as {given} instead of {recorded}"


def _output(saved: Saved, scan: Scan) -> dict[str, Any]:
    """Return how the image is saved, as `craft_steps` takes it.

    Results of earlier versions say only what came of that: then the choice that leads to the same.
    """
    values = saved.entry.values
    if "save_as" in values:
        entry = saved.entry
        return {"save_as": entry.text("save_as"), "deidentify": entry.flag("deidentify")}
    if "output" not in values:
        return {}
    output = saved.entry.entry("output")
    ending, hidden = output.text("ending"), output.flag("deidentified")
    for choice in CHOICES:
        try:
            if output_for(scan, choice, hidden).ending == ending:
                return {"save_as": choice, "deidentify": hidden}
        except SegadvError:
            continue
    return {}


def _device(saved: Saved, given: str | None) -> str:
    """Return where to compute: where it was computed, if that is there."""
    if given is not None:
        return pick_device(given)
    values = saved.entry.values
    recorded = saved.entry.text("device") if "device" in values else "auto"
    try:
        return pick_device(recorded.partition(":")[0])
    except SegadvError:
        return pick_device("auto")


@contextmanager
def _threads(entry: Entry) -> Iterator[None]:
    """Compute with as many threads as then: sums depend on their number, and attacks on sums."""
    before = torch.get_num_threads()
    count = entry.whole("threads") if "threads" in entry.values else before
    if 1 <= count <= MOST_THREADS:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _differences_of_image(saved: Saved, scan: Scan) -> Iterator[str]:
    recorded, now = saved.entry.entry("image").values, describe_image(scan)
    # The hash is that of the pixels if the image had no file.
    hashes = (now["sha256"], hash_of(scan.array), *_pixels_of_channels(scan))
    alike = recorded.get("sha256") in hashes
    if not alike:
        yield "the image is another one, or its file has changed (sha256)"
    for name, words in KINDS.items():
        if recorded.get(name) != now[name]:
            yield f"the image's {words} is {now[name]} instead of {recorded.get(name)}"


def _pixels_of_channels(scan: Scan) -> list[str]:
    """Return the hash of several channels as it is recorded if they had no files."""
    hashes = [hash_of(part.array) for part in scan.parts]
    return [sha256_of_files(hashes)] if hashes else []


def _differences_of_networks(
    saved: Saved, victim: Victim, surrogates: Sequence[Victim]
) -> Iterator[str]:
    values = saved.entry.values
    if not _same_contents(values["victim"].get("sha256"), victim):
        yield "the victim is another one, or its file has changed (sha256)"
    listed = saved.entry.entries("surrogates") if "surrogates" in values else []
    known = [one.values.get("sha256") for one in listed]
    if len(known) != len(surrogates) or not all(map(_same_contents, known, surrogates)):
        yield "the surrogates are others, or their files have changed (sha256)"


def _same_contents(recorded: Any, victim: Victim) -> bool:
    """Return whether a recorded hash is that of a network's files, also as hashed before."""
    return bool(recorded == victim.sha256 or recorded_before(str(recorded), victim.path))


def _differences_of_machine(entry: Entry, device: str) -> Iterator[str]:
    """Compare what computes now with what computed then; what was not recorded is left out."""
    now, values = describe_machine(device), entry.values
    for name in ("device", "processor", "threads"):
        recorded = values.get(name)
        if recorded is not None and str(recorded) != str(now[name]):
            yield f"{name} {now[name]} instead of {recorded}"
    versions = values.get("versions")
    for name, recorded in (versions if isinstance(versions, dict) else {}).items():
        if recorded != now["versions"].get(name):
            yield f"{name} {now['versions'].get(name, 'missing')} instead of {recorded}"


def _compared(saved: Saved, example: Example, differences: Sequence[str]) -> Repeated:
    """Compare the new image with the saved one or, if only the record is there, with its hash."""
    found = [*differences, *_differences_of_figures(saved.entry, example)]
    place = _stored(saved, example.clean)
    changed = None if place is None else changed_since(saved.entry, place)
    if changed is not None:
        found.append(f"the saved {ADVERSARIAL} image is no longer the recorded one (sha256)")
    by_hash = _same_file(saved, example) if place is None or changed is not None else None
    if by_hash is not None:
        count, gap = (0, 0.0) if by_hash else (None, None)
        return Repeated(example, by_hash, count, gap, tuple(found))
    if place is None:
        raise SegadvError(
            f"{saved.folder}: the adversarial image is not here to compare with; put "
            f"{_name_of_stored(saved)} back"
        )
    stored, made = io.read(place).array, example.adversarial.array
    if stored.shape != made.shape:
        raise SegadvError(
            f"{saved.folder}: its adversarial image has shape {stored.shape}, but the one that was "
            f"made again has {made.shape}; repeat it with the image that was attacked"
        )
    off = stored != made
    if changed is not None and off.any():
        # Nothing says whether the image is that which was saved.
        raise changed
    largest = float(np.abs(stored.astype(np.float64) - made.astype(np.float64)).max())
    return Repeated(example, not off.any(), int(off.sum()), largest, tuple(found))


def _stored(saved: Saved, clean: Scan) -> Path | list[Path] | None:
    """Return where the saved adversarial image is; None if it does not lie beside the record."""
    try:
        return adversarial_in(saved.folder, clean, stored_names(saved.entry))
    except SegadvError:
        return None


def _name_of_stored(saved: Saved) -> str:
    names = stored_names(saved.entry)
    output = saved.entry.values.get("output")
    folder = isinstance(output, dict) and not output.get("ending")
    return f"{'the folder ' if folder else ''}{' and '.join(names) or ADVERSARIAL}"


def _same_file(saved: Saved, example: Example) -> bool | None:
    """Return whether the new image's file has the recorded hash; None if that can't be said.

    A DICOM series differs each time that it is written, and so does a file in another format.
    """
    output, recorded = example.output, stored_hash(saved.entry)
    if output is None or output.dicom or recorded is None:
        return None
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        paths, _ = output.write(example.adversarial, example.clean, Path(folder) / ADVERSARIAL)
        made = stored_as(paths)["sha256"]
    names = stored_names(saved.entry)
    if names and names != tuple(path.name for path in paths):
        return None
    return bool(made == recorded)


def _differences_of_figures(entry: Entry, example: Example) -> Iterator[str]:
    """Compare what the victim makes of the image; the words are those of the screen."""
    recorded = dict(entry.entry("measures").values)
    if "figures_version" not in entry.values:
        # It had another definition then.
        recorded.pop("kept", None)
    for name, words in (("moved", "changed as asked"), ("kept", "left intact")):
        then, now = recorded.get(name), example.measures.get(name)
        if isinstance(then, (int, float)) and isinstance(now, (int, float)) and then != now:
            yield f"{words} {percent(now)} instead of {percent(then)}"
