import numpy as np
import pytest
from skimage import metrics

from napari_segadv.measures import similarity
from napari_segadv.measures.images import slice_ssim


def pair(shape, span, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.uniform(-span / 2, span / 2, shape)
    b = np.clip(a + rng.normal(0, span / 30, shape), -span / 2, span / 2)
    return a.astype(np.float32), b.astype(np.float32)


@pytest.mark.parametrize("shape", [(11, 11), (64, 48), (33, 200), (11, 11, 3), (40, 31, 3)])
@pytest.mark.parametrize("span", [1.0, 255.0, 400.0])
def test_ssim_has_the_bits_of_scikit_image(shape, span):
    colour = len(shape) == 3
    for seed in range(3):
        a, b = pair(shape, span, seed)
        theirs = metrics.structural_similarity(
            a,
            b,
            data_range=span,
            channel_axis=-1 if colour else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert slice_ssim(a, b, span, colour) == float(theirs)


@pytest.mark.parametrize("shape", [(2, 3), (64, 48), (4, 20, 30), (20, 20, 3)])
def test_error_and_psnr_have_the_bits_of_scikit_image(shape):
    a, b = pair(shape, 255.0)
    assert similarity.mean_squared_error(a, b) == float(metrics.mean_squared_error(a, b))
    theirs = metrics.peak_signal_noise_ratio(a, b, data_range=255.0)
    assert similarity.psnr(a, b, 255.0) == float(theirs)
