"""Results of DICOM images: a derived series with segmentations beside it, saved and loaded."""

from pathlib import Path

import dicom_sources as made
import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from helpers import volume_victim

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.results.figure import figure
from napari_segadv.results.session import Session, SessionRun, open_session, save_session

ATTACK = sa.attacks.PGD(epsilon=12.0, steps=3)


@pytest.fixture
def series(tmp_path):
    """The folder of a small CT."""
    made.ct(tmp_path / "ct", made.stored_volume())
    return tmp_path / "ct"


def crafted(series, **options):
    scan, victim = sa.read(series), volume_victim(2)
    clean = victim.predict(scan)
    target = clean.with_array(np.roll(clean.array, 3, axis=1))
    return sa.craft(scan, victim, ATTACK, target=target, **options), victim


def test_a_series_comes_back_as_one(tmp_path, series):
    example, victim = crafted(series)
    folder = example.save(tmp_path / "out")
    written = sorted((folder / "adversarial").iterdir())
    clean = sorted(series.iterdir())
    assert len(written) == len(clean)
    stored = np.stack([pydicom.dcmread(file).pixel_array for file in written])
    np.testing.assert_array_equal(stored, example.adversarial.array + 1024)
    assert np.abs(example.noise).max() == example.measures["linf"] > 0
    # Every reader has it in the clean image's place, and the victim predicts what was measured.
    one, other = (sitk.ReadImage([str(f) for f in files]) for files in (written, clean))
    assert one.GetOrigin() == other.GetOrigin()
    assert one.GetSpacing() == other.GetSpacing()
    again = sa.read(folder / "adversarial")
    assert again.grid.same_as(example.clean.grid)
    np.testing.assert_array_equal(victim.predict(again).array, example.prediction_adversarial.array)
    assert "not for diagnosis" in str(pydicom.dcmread(written[0]).SeriesDescription)


def test_predictions_and_target_lie_beside_it_as_segmentations(tmp_path, series):
    example, _ = crafted(series)
    folder = example.save(tmp_path / "out")
    series_of = {"prediction_adversarial": folder / "adversarial"}
    for name in ("prediction_clean", "prediction_adversarial", "target"):
        mask = getattr(example, name)
        found = io.read_mask(folder / f"{name}.dcm", example.clean.grid)
        np.testing.assert_array_equal(found.array, mask.array)
        seg = hd.seg.segread(folder / f"{name}.dcm")
        files = series_of.get(name, series).iterdir()
        sources = {pydicom.dcmread(file).SOPInstanceUID for file in files}
        assert {uid for _, _, uid in seg.get_source_image_uids()} <= sources
    found = [pydicom.dcmread(file) for file in sorted(folder.glob("*.dcm"))]
    # In an archive their files have no names: which is which stands in their series.
    assert [str(one.SeriesDescription).partition(" - ")[0] for one in found] == [
        "Prediction, ADVERSARIAL image", "Prediction, clean image", "Target of an attack",
    ]  # fmt: skip
    assert len({one.SeriesNumber for one in found}) == 3


def test_it_is_loaded_as_it_was(tmp_path, series):
    example, _ = crafted(series)
    loaded = sa.load_example(example.save(tmp_path / "out"))
    np.testing.assert_array_equal(loaded.adversarial.array, example.adversarial.array)
    np.testing.assert_array_equal(
        loaded.prediction_adversarial.array, example.prediction_adversarial.array
    )
    assert loaded.output == example.output
    loaded.save(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "adversarial").is_dir()


def test_nothing_names_the_patient_if_asked(tmp_path, series):
    example, _ = crafted(series, deidentify=True)
    folder = example.save(tmp_path / "out")
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"Doe" not in content, file
            assert b"Roe" not in content, file
    assert sa.load_example(folder).output.deidentify
    assert any("dentif" in note for note in example.notes)


def test_nifti_on_request(tmp_path, series):
    example, _ = crafted(series, save_as="nifti")
    folder = example.save(tmp_path / "out")
    assert (folder / "adversarial.nii.gz").is_file()
    assert not list(folder.rglob("*.dcm"))
    assert sa.load_example(folder).output.ending == ".nii.gz"


def test_what_can_not_be_is_refused_before_the_run(tmp_path, series, ct):
    io.save(ct, tmp_path / "ct.nii.gz")
    scan, victim = sa.read(tmp_path / "ct.nii.gz"), volume_victim(2)
    with pytest.raises(SegadvError, match="can't be written as DICOM: it was not read from DICOM"):
        sa.craft(scan, victim, ATTACK, save_as="dicom")
    with pytest.raises(SegadvError, match="is not saved as DICOM"):
        sa.craft(scan, victim, ATTACK, deidentify=True)
    with pytest.raises(SegadvError, match="choose auto, dicom or nifti"):
        sa.craft(scan, victim, ATTACK, save_as="png")


def test_a_radiograph_of_12_bits_keeps_to_them(tmp_path, band_victim):
    stored = np.clip(made.stored_volume((1, 64, 64))[0].astype(int) * 3 + 900, 0, 4095)
    stored[:8] = 4095
    path = made.xray(tmp_path / "dx.dcm", stored.astype(np.uint16))
    example = sa.craft(sa.read(path), band_victim, sa.attacks.PGD(epsilon=60, steps=3))
    assert "presentation" in example.record
    folder = example.save(tmp_path / "out")
    (file,) = (folder / "adversarial").iterdir()
    back = pydicom.dcmread(file)
    assert back.BitsStored == 12
    assert back.pixel_array.max() <= 4095
    assert np.abs(back.pixel_array.astype(int) - stored).max() == example.measures["linf"] <= 60


def test_a_session_keeps_a_run_of_a_series(tmp_path, series):
    example, _ = crafted(series)
    save_session(Session((), (), (SessionRun("pgd 1", example, {}),)), tmp_path / "session")
    for file in series.iterdir():
        file.unlink()
    (run,) = open_session(tmp_path / "session").runs
    np.testing.assert_array_equal(run.example.adversarial.array, example.adversarial.array)


def test_from_the_command_line(tmp_path, run, series, weights_file):
    made.xray(tmp_path / "dx.dcm", made.stored_volume((1, 64, 64))[0])
    attack = ("attack", "dx.dcm", "--victim", weights_file, "--untargeted", "--set", "steps=1")
    status, _, err = run(*attack, "--out", "out", "--deidentify")
    assert status == 0, err
    assert [path.name for path in Path("out/adversarial").iterdir()] == ["0001.dcm"]
    assert Path("out/prediction_clean.dcm").is_file()
    status, _, err = run(*attack, "--out", "out", "--overwrite", "--save-as", "nifti")
    assert status == 0, err
    assert not Path("out/adversarial").exists()
    assert Path("out/adversarial.nii.gz").is_file()


def test_an_empty_segment_is_no_target(tmp_path, series):
    """It would mean that everything shall vanish."""
    example, _ = crafted(series)
    folder = example.save(tmp_path / "out")
    labels = set(np.unique(example.target.array)) - {0}
    empty = next(n for n in range(1, len(example.target.classes)) if n not in labels)
    with pytest.raises(SegadvError, match="holds no pixel of"):
        io.read_mask(f"{folder / 'target.dcm'}::{empty}")


def test_the_figure_of_an_inverted_film_is_no_negative(tmp_path, band_victim):
    stored = made.stored_volume((1, 64, 64))[0] * 3
    drawn = {}
    for photometric, pixels in (("MONOCHROME2", stored), ("MONOCHROME1", 4095 - stored)):
        facts = {"WindowCenter": "2048", "WindowWidth": "4096"}
        path = made.xray(tmp_path / f"{photometric}.dcm", pixels, 12, photometric, **facts)
        example = sa.craft(sa.read(path), band_victim, sa.attacks.PGD(epsilon=60, steps=1))
        first = figure(example).axes[0].images[0]
        drawn[photometric] = first.cmap(first.norm(first.get_array()))[..., 0]
    one, other = drawn.values()
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.999
