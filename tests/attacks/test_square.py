"""Square against algorithms 1 and 2 of Andriushchenko 2020: every query, and what is kept."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from problems import finish, images_of, path_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.balls import Ball
from napari_segadv.attacks.methods.square import Search, halvings, sides_of
from napari_segadv.attacks.problem import Problem
from napari_segadv.attacks.rules import Seen
from napari_segadv.errors import SegadvError

EPSILON = 20.0
# By how much the share of pixels is divided at a query of 10,000, as published.
PUBLISHED = {0: 1, 10: 1, 11: 2, 50: 2, 51: 4, 200: 4, 201: 8, 500: 8, 501: 16, 1000: 16}
PUBLISHED |= {1001: 32, 2000: 32, 2001: 64, 4000: 64, 4001: 128, 6000: 128, 6001: 256}
PUBLISHED |= {8000: 256, 8001: 512, 9999: 512}


def square(**more):
    return attacks.get("square")(**({"epsilon": EPSILON, "goal": None} | more))


def published_queries(clean, best, side):
    """Yield every Pi(x + delta): delta is +-2 epsilon in a square, with a sign per channel."""
    for corner in product(*[range(size - side + 1) for size in clean.shape[2:]]):
        inside = (0, slice(None), *(slice(c, c + side) for c in corner))
        for signs in product([-2 * EPSILON, 2 * EPSILON], repeat=clean.shape[1]):
            x = best.clone()
            x[inside] += torch.tensor(signs).view(-1, *[1] * (clean.ndim - 2))
            x = torch.minimum(torch.maximum(x, clean - EPSILON), clean + EPSILON)
            yield x.clamp(0, 255)


def margins(problem, x):
    """max over c != y of z_c, minus z_y; for a target the other way round; with a hinge at 1."""
    z = problem.model(x)[0].flatten(1)
    y = problem.labels[0].flatten()
    values = []
    for pixel, label in enumerate(y):
        others = max(z[c, pixel].item() for c in range(len(z)) if c != label)
        gap = others - z[label, pixel].item()
        values.append(max(0.0, (gap if problem.targeted else -gap) + 1))
    return np.mean(values)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_every_query_is_one_of_the_published(dims, channels, targeted, task):
    problem = problem_of(
        dims=dims, channels=channels, targeted=targeted, task=task, dtype=torch.float64
    )
    steps, p = 8, 0.4
    path = path_of(square(steps=steps, p_init=p), problem, seed=3)
    assert len(path) == steps + 1
    best, lowest = path[0], margins(problem, path[0])
    pixels = problem.clean[0, 0].numel()
    for step, query in enumerate(path[1:]):
        share = p / PUBLISHED[max(q for q in PUBLISHED if q <= step * 10_000 // steps)]
        side = max(1, round((share * pixels) ** (1 / dims)))
        tried = published_queries(problem.clean, best, side)
        assert any(torch.allclose(query, x, rtol=0, atol=1e-9) for x in tried), step
        assert not torch.equal(query, best)
        found = margins(problem, query)
        if found < lowest:
            best, lowest = query, found


@pytest.mark.parametrize("dims", [2, 3])
def test_it_starts_at_stripes_along_the_columns(dims):
    problem = problem_of(dims=dims, channels=2)
    noise = path_of(square(steps=1), problem)[0] - problem.clean
    inside = (problem.clean > EPSILON) & (problem.clean < 255 - EPSILON)
    torch.testing.assert_close(noise.abs()[inside], torch.full_like(noise[inside], EPSILON))
    assert ((noise >= 0).all(-2) | (noise <= 0).all(-2)).all()
    rows = (noise > 0).any(-2)
    assert rows.any()
    assert not rows.all()


def test_p_is_halved_at_the_published_queries():
    assert {q: 2 ** halvings(q, 10_000) for q in PUBLISHED} == PUBLISHED
    # In proportion: 1,000 of 10,000 queries are 50 of 500.
    assert (halvings(50, 500), halvings(51, 500)) == (4, 5)


def test_sides():
    assert sides_of((224, 224), 0.05) == (50, 50)
    assert sides_of((64, 64, 64), 0.125) == (32, 32, 32)
    # Twenty slices: the square in each makes up for the lack of depth.
    assert sides_of((20, 200, 200), 0.05) == (20, 45, 45)
    assert sides_of((12, 14), 1e-6) == (1, 1)
    assert sides_of((12, 14), 1.0) == (12, 14)


def test_every_place_and_colour_comes_up():
    clean = images_of(channels=2)
    labels = torch.zeros(1, 12, 14, dtype=torch.int64)
    ball = Ball(Problem(None, clean, labels, labels), "linf", torch.full((1,), EPSILON))
    search = Search(ball, 10_000, 100 / 168, torch.Generator().manual_seed(0))
    start = torch.zeros_like(clean)
    places, colours = set(), set()
    for _ in range(400):
        # Step 0: the start is the best again, and the square is as large as at first.
        proposal = search(start, torch.empty(0), Seen(0, torch.zeros(1), torch.zeros(1)))
        y, x = np.nonzero((proposal[0] != 0).any(0).numpy())
        places.add((y.min(), x.min()))
        assert (y.max() - y.min(), x.max() - x.min()) == (9, 9)
        middle = proposal[0, :, 6, 6]
        colours.add(tuple(middle.sign().tolist()))
    assert places == set(product(range(3), range(5)))
    assert colours == set(product([-1.0, 1.0], repeat=2))


def test_squares_are_drawn_inside_the_regions_box():
    region = torch.zeros(2, 1, 12, 14, dtype=torch.bool)
    region[0, :, 2:5, 3:9] = True
    region[0, :, 3, 4] = False
    region[1, :, 8:, 10:] = True
    problem = problem_of(n=2, region=region)
    path = path_of(square(steps=60, p_init=0.3), problem)
    for item in range(2):
        # Drawn over the whole image, three quarters of them would miss.
        changed = [bool((b[item] != a[item]).any()) for a, b in pairwise(path)]
        assert sum(changed) >= 50
    for query in path:
        assert ((query - problem.clean)[~region] == 0).all()


def test_an_empty_region_leaves_the_image_alone():
    problem = problem_of(region=torch.zeros(1, 1, 12, 14, dtype=torch.bool))
    outcome, _ = finish(square(steps=3), problem)
    assert torch.equal(outcome.adversarial, problem.clean)


@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
@pytest.mark.parametrize("task", ["segmentation", "classification", "detection"])
def test_it_takes_scores_alone_and_gets_on(loss, task):
    problem = problem_of(task=task)
    outcome, states = finish(square(steps=80, loss=loss, epsilon=40.0), problem)
    assert (problem.model.forwards, problem.model.backwards) == (81, 0)
    assert len(states) == 80
    losses = [loss for loss, _ in outcome.curve]
    assert min(losses) < losses[0]


def masks_of(problem):
    """The problem with a model that gives masks alone, as a program does: no gradient, no doubt."""
    model = problem.model

    def masks(images):
        logits = model(images).detach()
        return torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1000.0)

    return replace(problem, model=masks)


def iou(logits, problem):
    """Mean over the structures, and the background if the target erases one of them."""
    mask, labels, found = logits.argmax(1), problem.labels, []
    for label in range(0 if problem.erases else 1, logits.shape[1]):
        a, b = mask == label, labels == label
        found.append(1.0 if not (a | b).any() else float((a & b).sum() / (a | b).sum()))
    return np.mean(found)


def test_from_masks_it_raises_the_iou_with_the_target_from_the_image_on():
    problem = masks_of(problem_of())
    path = path_of(square(steps=60, epsilon=60.0).for_masks(), problem)
    torch.testing.assert_close(path[0], problem.clean)
    outcome, _ = finish(square(steps=60, epsilon=60.0).for_masks(), problem)
    scores = [iou(problem.model(x), problem) for x in path]
    expected = [1 - score for score in scores]
    assert [loss for loss, _ in outcome.curve] == pytest.approx(expected, abs=1e-4)
    assert max(scores) > scores[0]


def test_from_masks_inside_a_region_it_starts_at_stripes():
    region = torch.zeros(1, 1, 12, 14, dtype=torch.bool)
    region[..., 3:9, 4:10] = True
    problem = masks_of(problem_of(region=region))
    path = path_of(square(steps=1).for_masks(), problem)
    assert not torch.equal(path[0][region], problem.clean[region])


def test_from_masks_without_a_target_it_starts_at_stripes():
    problem = masks_of(problem_of(targeted=False))
    path = path_of(square(steps=1).for_masks(), problem)
    assert not torch.equal(path[0], problem.clean)


def test_a_loss_that_was_chosen_stays_for_masks():
    assert square(loss="margin").for_masks() == square(loss="margin")
    assert square().for_masks().loss == "soft-iou"


@pytest.mark.parametrize("start", ["image", "stripes"])
def test_the_start_can_be_chosen(start):
    problem = problem_of()
    path = path_of(square(steps=1, start=start), problem)
    assert torch.equal(path[0], problem.clean) == (start == "image")


def test_only_linf():
    with pytest.raises(SegadvError, match="norm=l2: must be one of linf"):
        square(norm="l2")
