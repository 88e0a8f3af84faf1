"""RetinaNet from MONAI's parts, without torchvision: a network with its anchors."""

from collections.abc import Sequence
from typing import Any

import torch
from monai.apps.detection.networks.retinanet_network import RetinaNet
from monai.apps.detection.utils.anchor_utils import AnchorGenerator
from monai.apps.detection.utils.box_coder import BoxCoder
from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork
from monai.networks.nets.resnet import ResNet
from torch import Tensor, nn

# Strides of the levels of a ResNet, after its first convolution and pooling.
STRIDES = (4, 8, 16, 32)
NMS = 0.5


class Detector(nn.Module):
    """The network of a detection victim.

    To make one of any MONAI RetinaNet, or of a network with the same output:
    `Detector(detector.network, detector.anchor_generator, detector.box_coder)`.

    Attributes:
        network: images (N, C, *S) to {"classification": [(N, a K, *s), ...], "box_regression":
            [(N, a 2d, *s), ...]}, a map for each level with a anchors at each position.
        anchor_generator: MONAI's AnchorGenerator or one with its interface.
        box_coder: MONAI's BoxCoder or one with its interface; defines what the regression means.
        nms: of two boxes of one class with a higher IoU than this, only the better one stays.
    """

    def __init__(
        self,
        network: nn.Module,
        anchor_generator: Any,
        box_coder: Any = None,
        nms: float = NMS,
    ) -> None:
        super().__init__()
        self.nms = nms
        self.network = network
        self.anchor_generator = anchor_generator
        dims = int(anchor_generator.spatial_dims)
        self.box_coder = box_coder or BoxCoder((1.0,) * 2 * dims)

    def forward(self, images: Tensor) -> dict[str, list[Tensor]]:
        found: dict[str, list[Tensor]] = self.network(images)
        return found


class SmallRetinaNet(Detector):
    """A RetinaNet (Lin 2017) on a small ResNet, built from literals alone."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        num_classes: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        features: int,
        levels: Sequence[int],
        sizes: Sequence[Sequence[int]],
        ratios: Sequence[float],
        nms: float = NMS,
    ) -> None:
        """
        Args:
            spatial_dims: 2; MONAI's anchors for volumes have other ratios.
            in_channels: of the image.
            num_classes: without the background.
            widths: channels of the ResNet's four levels, with strides 4, 8, 16 and 32.
            blocks: residual blocks of each level.
            features: channels of the pyramid and the heads, a multiple of 8.
            levels: from 1 to 4, which of the ResNet's levels make the pyramid.
            sizes: for each level of the pyramid, the sides of its anchors in pixels.
            ratios: of an anchor's sides, the second axis over the first.
            nms: see Detector.
        """
        body = Pyramid(
            ResNet("basic", list(blocks), list(widths), spatial_dims, in_channels,
                   conv1_t_stride=2, feed_forward=False),
            [widths[level - 1] for level in levels], features, levels, spatial_dims,
        )  # fmt: skip
        anchors = AnchorGenerator(
            tuple(tuple(level) for level in sizes), (tuple(ratios),) * len(sizes)
        )
        network = RetinaNet(
            spatial_dims,
            num_classes,
            len(sizes[0]) * len(ratios),
            body,
            size_divisible=STRIDES[max(levels) - 1],
        )
        super().__init__(network, anchors, nms=nms)


class Pyramid(nn.Module):
    """The feature maps of a ResNet's levels, each enriched by the coarser ones."""

    def __init__(
        self,
        backbone: nn.Module,
        widths: Sequence[int],
        features: int,
        levels: Sequence[int],
        spatial_dims: int,
    ) -> None:
        super().__init__()
        self.backbone, self.levels = backbone, tuple(levels)
        self.fpn = FeaturePyramidNetwork(spatial_dims, list(widths), features)
        self.out_channels = features

    def forward(self, images: Tensor) -> list[Tensor]:
        net: Any = self.backbone
        x = net.maxpool(net.act(net.bn1(net.conv1(images))))
        found = {}
        for level in range(1, max(self.levels) + 1):
            x = getattr(net, f"layer{level}")(x)
            if level in self.levels:
                found[str(level)] = x
        return list(self.fpn(found).values())


def anchors_of(detector: Detector, images: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """Return a detector's anchors, boxes (A, 2d) on the grid of preprocessed images (N, C, *S)."""
    anchors: Tensor = detector.anchor_generator(images, list(maps))[0]
    return anchors


def by_anchor(maps: Sequence[Tensor], values: int) -> Tensor:
    """Turn maps (N, a * values, *s) of several levels into (N, A, values), in anchor order."""
    flat = [m.flatten(2).unflatten(1, (-1, values)).permute(0, 3, 1, 2).flatten(1, 2) for m in maps]
    return torch.cat(flat, dim=1)
