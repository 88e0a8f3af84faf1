"""Labels that came from a file of another patient, on an image at the same place."""

import dicom_sources as made
import numpy as np
import pytest
from napari.layers import Layer

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.layers.convert import image_tuple, mask_of, mask_tuple


def test_labels_of_another_patient_are_refused(tmp_path):
    own, other = (
        io.read(made.ct(tmp_path / name, made.stored_volume(), PatientID=name)[0])
        for name in ("own", "other")
    )
    image = Layer.create(*image_tuple(own))
    for scan in (own, other):
        path = made.seg(
            tmp_path / f"{scan.path.parent.name}.dcm", scan.meta["files"], made.labels()
        )
        labels = Layer.create(*mask_tuple(io.read_mask(path), path.name))
        if scan is own:
            np.testing.assert_array_equal(mask_of(labels, image, own.grid).array, made.labels())
            continue
        with pytest.raises(SegadvError, match=r"layer other.dcm: is of another patient.*\.nii\.gz"):
            mask_of(labels, image, own.grid)
        painted = Layer.create(made.labels(), {"affine": own.grid.affine}, "labels")
        assert mask_of(painted, image, own.grid).array.any()
