"""Resizing as Pillow does, crops, mean and deviation: no library but Pillow is needed."""

import numpy as np
import pytest
import torch
from adapter_networks import colour, fundus, picture
from PIL import Image

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims.preprocessing.axes import Back
from napari_segadv.victims.preprocessing.chain import Space, bind
from napari_segadv.victims.preprocessing.pictures import (
    FILTERS,
    CropCentre,
    ResizePicture,
    Standardise,
)


def tensor(array):
    return torch.from_numpy(np.array(array)).movedim(-1, 0).float()


def bound(step, image):
    return bind([step], image, Space(tuple(image.shape[1:]), np.eye(3)))


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("size", [(20, 31), (100, 40), (48, 90)])
def test_it_resizes_as_pillow_does(resample, size):
    array = picture()
    chain = bound(ResizePicture(size, resample, exact=True), tensor(array))
    theirs = np.asarray(Image.fromarray(array).resize(size[::-1], FILTERS[resample]))
    assert np.array_equal(chain.forward(tensor(array)[None])[0].movedim(0, -1).numpy(), theirs)
    # With a gradient there is no rounding, which moves a byte by 1 after the second axis at most,
    # and by a little more where weights are negative.
    smooth = bound(ResizePicture(size, resample), tensor(array)).forward(tensor(array)[None])[0]
    assert np.abs(smooth.movedim(0, -1).numpy() - theirs).max() < 1.3
    assert smooth.min() >= 0
    assert smooth.max() <= 255


def test_a_real_picture_is_resized_within_a_grey_level():
    array = sa.read(fundus()).array
    smooth = bound(ResizePicture(512), tensor(array)).forward(tensor(array)[None])[0]
    theirs = np.asarray(Image.fromarray(array.astype(np.uint8)).resize((773, 512), 2))
    assert smooth.shape[1:] == theirs.shape[:2]
    assert np.abs(smooth.movedim(0, -1).numpy() - theirs).max() < 1.01


def test_the_shorter_edge():
    for shape, expected in (((48, 64), (30, 40)), ((64, 48), (40, 30)), ((48, 65), (30, 40))):
        chain = bound(ResizePicture(30), torch.zeros(3, *shape))
        assert chain.space.shape == expected


def test_logits_come_back_bilinearly_and_labels_by_the_nearest():
    chain = bound(ResizePicture((24, 32)), tensor(picture()))
    z = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    back = torch.nn.functional.interpolate(z, (48, 64), mode="bilinear", align_corners=False)
    assert torch.equal(chain.backward(z), back)
    labels = z.argmax(1, keepdim=True).float()
    assert torch.equal(
        chain.backward(labels, Back(nearest=True)),
        labels.repeat_interleave(2, 2).repeat_interleave(2, 3),
    )


@pytest.mark.parametrize("size", [(20, 31), (60, 40), (49, 80)])
def test_a_crop_at_the_centre(size):
    chain = bound(CropCentre(size), tensor(picture()))
    cut = chain.forward(tensor(picture())[None])
    assert cut.shape[2:] == size
    z = chain.backward(torch.cat([torch.zeros(1, 1, *size), torch.ones(1, 1, *size)], 1))
    assert z.shape[2:] == (48, 64)
    assert int((z.argmax(1) == 1).sum()) == min(48, size[0]) * min(64, size[1])


def test_mean_and_deviation():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    x = tensor(picture())
    step = Standardise(1 / 255, mean, std, reversed=True)
    expected = (x / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.allclose(bound(step, x).forward(x[None])[0], expected.flip(0), atol=1e-6)
    assert step.window == (0, 255)
    with pytest.raises(SegadvError, match="give one for each"):
        bound(Standardise(1.0, (0.1, 0.2), (1.0, 1.0)), x)


def test_a_volume_is_no_picture():
    with pytest.raises(SegadvError, match="single images"):
        bind([ResizePicture(4)], torch.zeros(1, 8, 8, 8), Space((8, 8, 8), np.eye(4)))
    assert colour().colour
