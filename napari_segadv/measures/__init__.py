"""What came out: agreement of label maps, distance of images, visibility, reading tests."""

from .labels import *  # noqa: F403
