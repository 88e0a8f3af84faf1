"""Straightening: the slices of a tilted gantry, resampled into a box by SimpleITK."""

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ...data.scan import Array, Grid
from ..itk import image_of
from .geometry import Course, axes, volume_grid


def straightened(array: Array, found: Course) -> tuple[Array, Grid]:
    """Return the voxels of tilted slices on a grid at right angles.

    Each slice keeps its plane and its pixels' size, and is moved sideways to its true place with
    linear interpolation. The box is larger than a slice by the largest shift. What no slice covers
    takes the lowest value.

    Args:
        array: the slices, (z, y, x).
        found: their places.
    """
    first = found.planes[0]
    row, column, normal = axes(first.orientation)
    grid = volume_grid(found)
    shear = np.array(found.shear)
    height = found.step * (len(array) - 1)
    # The shift of the last slice in pixels, along rows and columns, decides how the box grows.
    shifts = np.array([shear @ column, shear @ row]) * height / np.array(first.spacing)
    before = np.ceil(np.maximum(-shifts, 0) - 1e-6)
    after = np.ceil(np.maximum(shifts, 0) - 1e-6)
    shape = (len(array), *(np.array(first.shape) + (before + after).astype(int)).tolist())
    corner = (
        np.array(first.position)
        - before[0] * first.spacing[0] * column
        - before[1] * first.spacing[1] * row
    )
    box = replace(grid, shape=shape, origin=tuple(map(float, corner[::-1])))
    # The array lies in a box whose slices are not shifted: a point of the true box has its value
    # at the point that is moved back against the shear.
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((np.eye(3) - np.outer(shear, normal)).ravel().tolist())
    transform.SetCenter(tuple(map(float, first.position)))
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(image_of(np.zeros(shape, np.uint8), box))
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkLinear)
    resampler.SetOutputPixelType(sitk.sitkFloat64)
    resampler.SetDefaultPixelValue(float(array.min()))
    moved = sitk.GetArrayFromImage(resampler.Execute(image_of(array, grid)))
    if array.dtype.kind in "iu":
        moved = np.rint(moved)
    return moved.astype(array.dtype), box
