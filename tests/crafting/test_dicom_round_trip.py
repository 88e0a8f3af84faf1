"""DICOM read, attacked, written, and read again: what was measured is in the files."""

import dicom_sources as made
import numpy as np
import pydicom
import SimpleITK as sitk
from helpers import volume_victim

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.io.dicom_out.segmentation import write_seg
from napari_segadv.io.dicom_out.series import write_series


def test_the_prediction_of_the_derived_series_is_the_one_that_was_measured(tmp_path):
    shape = (8, 40, 48)
    stored = made.stored_volume(shape)
    y, x = np.mgrid[:40, :48]
    stored[2:6, np.hypot(y - 20, x - 14) < 8] = 1024 + 120
    files = made.ct(tmp_path / "ct", stored)
    scan, victim = sa.read(files[0]), volume_victim(2)
    clean = victim.predict(scan)
    mask = clean.with_array(np.where(clean.array == 1, 0, clean.array))
    write_seg(mask, files, tmp_path / "target.dcm")
    example = sa.craft(
        scan, victim, sa.attacks.PGD(epsilon=40.0, steps=8), target=f"{tmp_path / 'target.dcm'}"
    )
    np.testing.assert_array_equal(example.target.array, mask.array)
    assert (example.prediction_adversarial.array != clean.array).any()
    written = write_series(example.adversarial.array, example.clean, tmp_path / "out")
    back = sa.read(tmp_path / "out")
    np.testing.assert_array_equal(back.array, example.adversarial.array)
    assert np.abs(back.array.astype(float) - scan.array).max() <= 40.0
    assert back.grid.same_as(scan.grid)
    predicted = victim.predict(back)
    np.testing.assert_array_equal(predicted.array, example.prediction_adversarial.array)
    by_itk = sitk.GetArrayFromImage(sitk.ReadImage([str(file) for file in written.files]))
    np.testing.assert_array_equal(by_itk, example.adversarial.array)
    write_seg(predicted, written.files, tmp_path / "prediction.dcm", algorithm=victim.name)
    again = io.read_mask(tmp_path / "prediction.dcm", back.grid)
    np.testing.assert_array_equal(again.array, predicted.array)
    study = {pydicom.dcmread(f).StudyInstanceUID for f in (*files, tmp_path / "prediction.dcm")}
    assert len(study) == 1


def test_what_reading_a_mask_has_found_is_told(tmp_path):
    stored = made.stored_volume((4, 40, 48))
    files = made.ct(tmp_path / "ct", stored)
    region = np.zeros((4, 40, 48, 1))
    region[1, 10:30, 10:30] = 0.8
    made.seg(tmp_path / "region.dcm", files, region, "FRACTIONAL", ("Part",))
    scan, victim = sa.read(files[0]), volume_victim(2)
    example = sa.craft(
        scan, victim, sa.attacks.PGD(epsilon=20.0, steps=1), region=tmp_path / "region.dcm"
    )
    assert "is fractional" in example.notes[0]
    assert not example.noise[region[..., 0] == 0].any()
