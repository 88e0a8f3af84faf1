"""Pieces that have not changed are skipped; the result is that of a whole pass, bit for bit."""

import pytest
import torch
from torch import nn

from napari_segadv.victims.graphs import GIB, Graphs
from napari_segadv.victims.recall import Recall
from napari_segadv.victims.windows import Passes, SlidingWindows, slices, sliding


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 3, padding=1))


@pytest.mark.parametrize("mode", ["gaussian", "constant"])
@pytest.mark.parametrize("batch", [1, 3])
def test_windows_around_a_change_alone(network, mode, batch):
    spec = SlidingWindows((8, 8, 8), batch, (0.25,), mode)
    clean = torch.rand(1, 1, 40, 16, 16)
    other = clean.clone()
    other[:, :, 20:22] += 0.1
    recall, passes, whole = Recall(), Passes(), Passes()
    for image in (clean, other, clean):
        expected = sliding(image, network, spec, whole)
        torch.testing.assert_close(
            sliding(image, network, spec, passes, recall), expected, rtol=0, atol=0
        )
    assert whole.forward == pytest.approx(3)
    assert 1 < passes.forward < 2


def test_the_gradient_is_the_same(network):
    spec = SlidingWindows((8, 8, 8))
    clean = torch.rand(1, 1, 24, 8, 8)
    other = clean.clone()
    other[:, :, 12] += 0.1
    weights = torch.rand(1, 3, 24, 8, 8)
    weights[:, :, :8] = 0
    recall = Recall()
    sliding(clean, network, spec, Passes(), recall)
    found = []
    for memory in (None, recall):
        leaf = other.clone().requires_grad_()
        (weights * sliding(leaf, network, spec, Passes(), memory)).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_one_slice_of_many():
    torch.manual_seed(0)
    flat = nn.Conv2d(1, 2, 3, padding=1)
    clean = torch.rand(10, 1, 8, 8)
    other = clean.clone()
    other[4] += 1
    recall, passes = Recall(finely=True), Passes()
    first = slices(clean, flat, 4, passes, recall)
    assert passes.forward == pytest.approx(1)
    found = slices(other, flat, 4, passes, recall)
    assert passes.forward == pytest.approx(1.1)
    torch.testing.assert_close(found[4:5], flat(other[4:5]), rtol=0, atol=0)
    torch.testing.assert_close(found[:4], first[:4], rtol=0, atol=0)
    # Changing what was returned does no harm.
    found.zero_()
    torch.testing.assert_close(slices(clean, flat, 4, passes, recall), first, rtol=0, atol=0)
    assert passes.forward == pytest.approx(1.1)


def test_another_size_is_run_whole():
    flat = nn.Conv2d(1, 2, 3, padding=1)
    recall, passes = Recall(), Passes()
    slices(torch.rand(5, 1, 8, 8), flat, 4, passes, recall)
    image = torch.rand(6, 1, 8, 8)
    torch.testing.assert_close(slices(image, flat, 4, passes, recall), flat(image))
    assert passes.forward == pytest.approx(2)


SPEC = SlidingWindows((8, 8, 8), 1, (0.25,))


@pytest.fixture
def clean():
    return torch.rand(1, 1, 40, 16, 16, generator=torch.Generator().manual_seed(1))


def noisy(clean, amount=0.1):
    """A change of two slices, which the first window and its neighbours along z do not hold."""
    other = clean.clone()
    other[:, :, 20:22] += amount
    return other


def passes_of(images, network, recall):
    """Run images in turn, each of which must come out as from a whole pass; count the passes."""
    passes, counts = Passes(), []
    for image in images:
        before = passes.forward
        found = sliding(image, network, SPEC, passes, recall)
        assert torch.equal(found, sliding(image, network, SPEC, Passes()))
        counts.append(round((passes.forward - before) * 7 * 3 * 3))
    return counts


def test_windows_beside_a_change_run_once(network, clean):
    """Seven windows along z, of which one or two hold the change and two more overlap those."""
    images = [clean, noisy(clean), noisy(clean, 0.2), noisy(clean, 0.3)]
    whole, some, again, last = passes_of(images, network, Recall(Graphs(GIB)))
    assert whole == 63
    assert again == last < some < whole
    assert some == passes_of(images, network, Recall())[1]


@pytest.mark.parametrize("windows", [0, 1, 5])
def test_what_is_remembered_fits_into_the_memory(network, clean, windows):
    logits = 3 * clean.nbytes
    window = 3 * 8 * 8 * 8 * 4
    graphs = Graphs(clean.nbytes + logits + windows * window)
    recall = Recall(graphs)
    counts = passes_of([clean, noisy(clean), noisy(clean, 0.2)], network, recall)
    assert graphs.used == graphs.budget
    assert counts[1] - counts[2] == windows


def test_without_room_nothing_is_remembered(network, clean):
    graphs = Graphs(clean.nbytes)
    assert passes_of([clean, noisy(clean)], network, Recall(graphs)) == [63, 63]
    assert graphs.used == 0


def test_an_image_that_differs_everywhere_gives_the_memory_back(network, clean):
    graphs = Graphs(GIB)
    recall = Recall(graphs)
    assert passes_of([clean, noisy(clean)], network, recall)[1] < 63
    assert graphs.used > 0
    assert passes_of([clean + 1, clean], network, recall) == [63, 63]
    assert graphs.used == 0


def rough(network):
    return lambda x: network(x).bfloat16().float()


@pytest.mark.parametrize("exact_first", [True, False])
@pytest.mark.parametrize("gigabytes", [0, 1])
def test_passes_of_another_precision_are_remembered_apart(network, clean, exact_first, gigabytes):
    """Whatever the memory, since the result must not depend on it."""
    recall, other = Recall(Graphs(gigabytes * GIB)), noisy(clean)
    ways = [(False, network), (True, rough(network))]
    for image in (clean, other):
        for is_rough, way in ways if exact_first else ways[::-1]:
            found = sliding(image, way, SPEC, Passes(), recall.of(is_rough))
            assert torch.equal(found, sliding(image, way, SPEC, Passes()))
    assert recall.of(False) is recall


def test_an_image_that_is_known_for_certain_serves_rough_passes(network, clean):
    known = Recall(finely=True)
    exact = sliding(clean, network, SPEC, Passes(), known)
    other = noisy(clean)
    expected = sliding(other, rough(network), SPEC, Passes())
    for gigabytes in (0, 1):
        recall = known.within(Graphs(gigabytes * GIB))
        found = sliding(other, rough(network), SPEC, Passes(), recall.of(True))
        assert torch.equal(found[:, :, 18:26], expected[:, :, 18:26])
        assert torch.equal(found[:, :, :8], exact[:, :, :8])


def test_a_copy_in_between_makes_nothing_forgotten(network, clean):
    """As copies of less contrast, for transfer; the image itself changes in a part alone."""
    known = Recall(finely=True)
    whole, some, copied, again = passes_of(
        [clean, noisy(clean), clean / 2, noisy(clean)], network, known
    )
    assert some == again < whole == copied


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_network_may_mix_windows_that_run_together(network, clean, batch):
    spec = SlidingWindows((8, 8, 8), batch, (0.25,))

    def mixing(x):
        y = network(x)
        return y - y.mean()

    recall = Recall(Graphs(GIB))
    for image in (clean, noisy(clean), noisy(clean, 0.2)):
        found = sliding(image, mixing, spec, Passes(), recall)
        assert torch.equal(found, sliding(image, mixing, spec, Passes()))


def test_a_pass_that_was_stopped_takes_no_memory_twice(network, clean):
    graphs = Graphs(GIB)
    recall, passes = Recall(graphs), Passes()

    def stop():
        raise KeyboardInterrupt

    passes.on_piece = stop
    with pytest.raises(KeyboardInterrupt):
        sliding(clean, network, SPEC, passes, recall)
    before = graphs.used
    assert passes_of([clean], network, recall) == [63]
    assert graphs.used in (before, clean.nbytes + 3 * clean.nbytes)


def test_no_more_is_held_than_was_counted(network, clean):
    """An output may be a part of a larger tensor."""

    def part(x):
        return network(x).repeat(1, 50, 1, 1, 1)[:, :3]

    graphs = Graphs(GIB)
    recall = Recall(graphs)
    for image in (clean, noisy(clean)):
        sliding(image, part, SPEC, Passes(), recall)
    held = [y.untyped_storage().nbytes() for y in recall._said.values()]
    assert held
    assert graphs.used == 4 * clean.nbytes + sum(held)
