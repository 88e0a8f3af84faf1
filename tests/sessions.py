"""What tests of saved runs and sessions share: saving and opening again, and comparing."""

import numpy as np

import napari_segadv as sa
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.results.session.folder import open_session, save_session
from napari_segadv.results.session.session import Session, SessionRun

SAGITTAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
PGD = sa.attacks.PGD(epsilon=12.0, steps=2)


def arrays_of(prediction):
    """Every array of a prediction or target."""
    match prediction:
        case Mask():
            return [prediction.array]
        case Boxes():
            more = [] if prediction.anchors is None else [*vars(prediction.anchors).values()]
            return [prediction.corners, prediction.labels, prediction.scores, *more]
        case Grade():
            return [np.array([prediction.label, *prediction.probabilities])]
    return []


def same_scan(a: Scan, b: Scan, facts: bool = True):
    assert a.array.dtype == b.array.dtype
    np.testing.assert_array_equal(a.array, b.array)
    assert (a.units, a.storage, a.colour) == (b.units, b.storage, b.colour)
    assert (a.grid.shape, a.grid.spacing, a.grid.origin) == (
        b.grid.shape,
        b.grid.spacing,
        b.grid.origin,
    )
    np.testing.assert_array_equal(a.grid.direction, b.grid.direction)
    assert a.grid.physical == b.grid.physical
    drop = ("files", "format")
    assert not facts or {k: v for k, v in a.meta.items() if k not in drop} == {
        k: v for k, v in b.meta.items() if k not in drop
    }


def same_example(a, b):
    assert a.task is b.task
    same_scan(a.clean, b.clean)
    # Its facts are those of its own file: each DICOM series has UIDs of its own.
    same_scan(a.adversarial, b.adversarial, facts=False)
    np.testing.assert_array_equal(a.noise, b.noise)
    assert a.noise.dtype == b.noise.dtype == np.float32
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        one, other = getattr(a, name), getattr(b, name)
        assert type(one) is type(other)
        assert len(arrays_of(one)) == len(arrays_of(other))
        for x, y in zip(arrays_of(one), arrays_of(other), strict=True):
            np.testing.assert_array_equal(x, y)
        if one is not None:
            assert one.classes == other.classes
    assert dict(a.measures) == dict(b.measures)
    assert dict(a.measures_before_saving) == dict(b.measures_before_saving)
    assert dict(a.record) == dict(b.record)
    assert a.window == b.window
    assert a.with_output(None).notes == b.with_output(None).notes
    assert a.fields.keys() == b.fields.keys()
    for name, values in a.fields.items():
        np.testing.assert_array_equal(values, b.fields[name])
    assert a.summary == b.summary
    # A session keeps an image in a file of its own, whose format may be another.
    one, other = ({k: v for k, v in each.result.items() if k != "notes"} for each in (a, b))
    assert one == other


def one_run(example, verdicts=None, name="pgd 1"):
    return Session(runs=(SessionRun(name, example, verdicts or {}),))


def there_and_back(example, folder, **more):
    (run,) = open_session(save_session(one_run(example, **more), folder / "s")).runs
    same_example(example, run.example)
    return run


def moved_disc(scan, victim):
    labels = victim.predict(scan).array.copy()
    labels[..., :20] = 1
    return labels
