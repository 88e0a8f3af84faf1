"""Options for noise that carries over: gradients of copies, and judgement of the image itself."""

from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from problems import finish, images_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.losses import Outputs, margin
from napari_segadv.attacks.transfer import SMALLEST, Copy, Transfer, Transferring, resized
from napari_segadv.common.parameters import parameters
from napari_segadv.errors import SegadvError

ALL = {"diversity": 0.5, "translation": 2, "scales": 3}
KINDS = [name for name, kind in attacks.available().items() if issubclass(kind, Transferring)]
# Of images of 12 x 14 pixels and of slices of 8 x 7.
BOXES = [(0, 0, 11, 13), (1, 1, 11, 13), (0, 1, 7, 6)]


def attack_of(name, **settings):
    known = {one.name for one in parameters(attacks.get(name))}
    given = {"epsilon": 12.0, "steps": 6} | settings
    return attacks.get(name)(**{key: value for key, value in given.items() if key in known})


def plain_and_copies(problem):
    """Return the problem with spies as its models, and what images and copies they are shown."""
    shown, copied, model = [], [], problem.model
    return (
        replace(
            problem,
            model=lambda images: shown.append(images.detach().clone()) or model(images),
            of_copies=lambda images: copied.append(images.detach().clone()) or model(images),
        ),
        shown,
        copied,
    )


def gradients_of(problem, **settings):
    """Return what the rule of a run of PGD was given: noise, gradient, and losses at each step."""
    given = []

    class Kept(attacks.PGD):
        def make_rule(self, ball):
            rule = super().make_rule(ball)

            def keeping(d, gradient, seen):
                given.append((d.clone(), gradient.clone(), seen.losses.clone()))
                return rule(d, gradient, seen)

            return keeping

    finish(Kept(epsilon=20.0, goal=None, step="sign", **settings), problem)
    return given


def test_they_are_options_of_every_attack_by_noise_with_a_gradient():
    others = set(attacks.available()) - set(KINDS)
    # Scores alone; fields in place of noise; a gradient for each class; frequencies; and several
    # attacks.
    assert others == {"square", "deform", "synthesis", "deepfool", "vafa", "worst"}


@pytest.mark.parametrize("name", KINDS)
def test_results_that_lack_them_were_made_without(name):
    kind = attacks.get(name)
    defaults = {p.name: p.default for p in parameters(kind)}
    names = ("diversity", "translation", "scales")
    assert {n: kind.added[n] for n in names} == {n: defaults[n] for n in names}
    assert attack_of(name).transfer(problem_of(), 0) is None


@pytest.mark.parametrize("name", KINDS)
def test_without_them_copies_are_never_made(name):
    problem, shown, copied = plain_and_copies(problem_of())
    finish(attack_of(name), problem)
    assert shown
    assert not copied


@pytest.mark.parametrize(("dims", "box"), [(2, BOXES[0]), (2, BOXES[1]), (3, BOXES[2])])
def test_the_gradient_through_a_copy_is_that_of_finite_differences(dims, box):
    copy = Copy(torch.full((1, 2, *[1] * dims), -30.0, dtype=torch.float64), 0.25, box)
    images = images_of(dims=dims, channels=2, dtype=torch.float64)
    images.requires_grad_()
    # Of squares of what is linear, central differences are exact but for rounding.
    assert torch.autograd.gradcheck(lambda x: copy.back(copy(x).square() / 100), images, eps=1e-3)


def test_the_gradient_of_a_run_is_that_of_finite_differences():
    problem = problem_of(dtype=torch.float64, black=-20.0)
    settings = {"diversity": 1.0, "scales": 2}
    ((d, gradient, losses),) = gradients_of(problem, steps=1, **settings)
    copies = Transfer(problem, 1.0, 0, 2, 0).copies()
    assert [copy.contrast for copy in copies] == [1.0, 0.5]
    assert all(copy.box for copy in copies)

    def objective(noise):
        passes = [c.back(problem.model(c(problem.clean + noise))) for c in copies]
        return torch.stack([margin(Outputs(z, problem)) for z in passes]).mean()

    torch.testing.assert_close(objective(d), losses[0])
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        way = torch.randn(d.shape, generator=generator, dtype=torch.float64)
        slope = (objective(d + 1e-5 * way) - objective(d - 1e-5 * way)) / 2e-5
        torch.testing.assert_close((gradient * way).sum(), slope, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_resized_copy_is_in_a_black_frame(dims):
    black = torch.tensor([-1000.0, 7.0]).view(1, 2, *[1] * dims)
    images = images_of(dims=dims, channels=2)
    top, left, rows, columns = box = BOXES[2] if dims == 3 else BOXES[1]
    found = Copy(black, 1.0, box)(images)
    assert found.shape == images.shape
    inside = found[..., top : top + rows, left : left + columns]
    torch.testing.assert_close(inside, resized(images, (rows, columns)), rtol=0, atol=1e-3)
    frame = torch.ones(images.shape[-2:], dtype=torch.bool)
    frame[top : top + rows, left : left + columns] = False
    expected = black.expand_as(images)[..., frame]
    torch.testing.assert_close(found[..., frame], expected, rtol=0, atol=0)


@pytest.mark.parametrize("dims", [2, 3])
def test_what_a_copy_shows_comes_back_to_its_place(dims):
    """A model that answers pixel by pixel answers nearly the same for a copy, without its frame."""
    shape = (3, 40, 50)[-dims:]
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    ramp = (3 * rows + 2 * columns).expand(1, 1, *shape)
    found = Copy(-5000.0, 1.0, (2, 3, 36, 45))
    back = found.back(found(ramp))
    # Beyond the outermost pixels' centres, a resized image has no slope.
    assert (back - ramp).abs().max() < 2.0
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(back[inner], ramp[inner], rtol=0, atol=1e-2)
    even = torch.full_like(ramp, 9.0)
    torch.testing.assert_close(found.back(found(even)), even, rtol=0, atol=1e-3)


def test_sizes_and_places_are_drawn_within_the_frame():
    problem = problem_of()
    drawn = Transfer(problem, 0.5, 0, 1, 0)
    boxes = [drawn.copies()[0].box for _ in range(400)]
    resized_ = [box for box in boxes if box]
    assert 150 < len(resized_) < 250
    for top, left, rows, columns in resized_:
        assert rows in (11, 12)
        assert columns in (13, 14)
        assert 0 <= top <= 12 - rows
        assert 0 <= left <= 14 - columns
    assert len(set(resized_)) > 6
    large = Transfer(replace(problem, clean=torch.zeros(1, 1, 300, 200)), 1.0, 0, 1, 0)
    shares = [
        rows / 300 for copy in (large.copies()[0] for _ in range(200)) for rows in copy.box[2:3]
    ]
    assert min(shares) >= SMALLEST
    assert min(shares) < SMALLEST + 0.01
    assert max(shares) > 0.99


@pytest.mark.parametrize("dims", [2, 3])
def test_the_mean_over_shifts_is_the_explicit_sum(dims):
    """Of a loss that is linear in the image: elsewhere, its gradient changes with the shift."""
    problem = problem_of(dims=dims, channels=2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    slope = torch.randn(problem.clean.shape, generator=generator, dtype=torch.float64)
    transfer, k = Transfer(problem, 0.0, 2, 1, 0), 2
    weights = {
        (i, j): torch.exp(torch.tensor(-0.5 * (i * i + j * j) / (k / 3) ** 2, dtype=torch.float64))
        for i, j in product(range(-k, k + 1), repeat=2)
    }
    total = sum(weights.values())
    explicit = torch.zeros_like(slope)
    for (i, j), weight in weights.items():
        noise = torch.zeros_like(slope, requires_grad=True)
        wide = F.pad(noise, (k, k, k, k))
        rows, columns = slope.shape[-2:]
        shifted = wide[..., k - i : k - i + rows, k - j : k - j + columns]
        (one,) = torch.autograd.grad((slope * (problem.clean + shifted)).sum(), noise)
        explicit += weight / total * one
    torch.testing.assert_close(transfer.shared(slope), explicit)
    inner = transfer.shared(torch.ones_like(slope))[..., 2:-2, 2:-2]
    torch.testing.assert_close(inner, torch.ones_like(inner))


def test_a_run_averages_its_gradient_over_shifts():
    problem = problem_of()
    ((_, plain, _),) = gradients_of(problem, steps=1)
    ((_, shared, _),) = gradients_of(problem, steps=1, translation=3)
    torch.testing.assert_close(shared, Transfer(problem, 0.0, 3, 1, 0).shared(plain))
    assert not torch.equal(shared, plain)


def test_the_gradient_of_scales_is_the_mean_of_each():
    """Black is what the window begins at, not 0: a copy looks like the image, of less contrast."""
    problem = problem_of(n=2, black=-100.0)
    steps = gradients_of(problem, steps=3, scales=4)
    assert len(steps) == 3
    for d, gradient, losses in steps:
        each, loss = [], []
        for n in range(4):
            leaf = d.clone().requires_grad_()
            image = -100 + (problem.clean + leaf + 100) / 2**n
            loss.append(margin(Outputs(problem.model(image), problem)))
            each.append(torch.autograd.grad(loss[-1].sum(), leaf)[0])
        torch.testing.assert_close(gradient, torch.stack(each).mean(0))
        torch.testing.assert_close(losses, torch.stack(loss).mean(0).detach())


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("targeted", [True, False])
def test_the_image_itself_is_judged_and_the_last_is_the_result(name, quick, targeted):
    if attacks.get(name).targeted_only and not targeted:
        return
    problem = problem_of(n=2, targeted=targeted, quick=quick)
    spied, shown, copied = plain_and_copies(problem)
    outcome, states = finish(attack_of(name, steps=14, goal=0.3, **ALL), spied)
    assert copied
    # Only the images themselves are in the budget; SMIA also shows them with smoother noise.
    assert all((images - problem.clean).abs().max() <= 12.0 + 1e-4 for images in shown)
    moved, kept = Outputs(problem.model(outcome.adversarial), problem).shares()
    torch.testing.assert_close(outcome.moved, moved)
    torch.testing.assert_close(outcome.kept, kept)
    assert len(states) == outcome.steps == (1 if name == "fgsm" else 14)
    if name != "least":
        last = shown[-2] if name == "smia" else shown[-1]
        torch.testing.assert_close(outcome.adversarial, last, rtol=0, atol=0)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dims", [2, 3])
def test_a_seed_gives_the_same_bits_and_another_seed_others(name, dims):
    problem = problem_of(n=2, dims=dims)
    attack = attack_of(name, **ALL)
    first, again = (finish(attack, problem, seed)[0] for seed in (5, 5))
    assert torch.equal(first.adversarial, again.adversarial)
    assert first.curve == again.curve
    resizing = attack_of(name, diversity=1.0)
    one, other = (finish(resizing, problem, seed)[0] for seed in (5, 6))
    assert not torch.equal(one.adversarial, other.adversarial)
    assert (first.adversarial != problem.clean).any()
    assert (first.adversarial - problem.clean).abs().max() <= 12.0 + 1e-4


@pytest.mark.parametrize("name", KINDS)
def test_an_item_of_a_batch_gets_what_it_gets_alone(name):
    problem = problem_of(n=3)
    attack = attack_of(name, **ALL)
    together, _ = finish(attack, problem)
    for item in range(3):
        part = slice(item, item + 1)
        tensors = ("clean", "labels", "reference")
        one = replace(problem, **{n: getattr(problem, n)[part] for n in tensors})
        alone, _ = finish(attack, one)
        torch.testing.assert_close(
            together.adversarial[item], alone.adversarial[0], rtol=0, atol=5e-2
        )


def passes_of(**settings):
    problem = problem_of()
    finish(attacks.PGD(epsilon=12.0, steps=10, goal=None, **settings), problem)
    return problem.model.forwards, problem.model.backwards


def test_passes_are_those_of_the_copies_and_of_the_judgements():
    assert passes_of() == (11, 10)
    assert passes_of(translation=4) == (11, 10)
    assert passes_of(scales=3) == (31, 30)
    assert passes_of(diversity=1.0) == (21, 10)
    assert passes_of(diversity=1.0, scales=3) == (41, 30)
    drawn = Transfer(problem_of(), 0.5, 0, 1, 0)
    resized_ = sum(drawn.copies()[0].box is not None for _ in range(10))
    assert 0 < resized_ < 10
    assert passes_of(diversity=0.5) == (11 + resized_, 10)


def test_a_region_stays_as_it_is():
    region = torch.zeros(1, 1, 12, 14, dtype=torch.bool)
    region[..., 3:8, 4:9] = True
    problem = problem_of(region=region)
    outcome, _ = finish(attacks.PGD(epsilon=12.0, steps=5, **ALL), problem)
    d = outcome.adversarial - problem.clean
    assert (d[~region] == 0).all()
    assert (d[region] != 0).any()


@pytest.mark.parametrize("settings", [{"polish": True}, {}])
def test_an_attack_for_the_smallest_change_still_returns_it(settings):
    problem = problem_of()
    given = {"epsilon": 60.0, "steps": 30, "goal": 0.3, "diversity": 0.5, "scales": 2, **settings}
    attack = attacks.PGD(**given) if settings else attacks.Least(**given)
    spied, shown, _ = plain_and_copies(problem)
    outcome, _ = finish(attack, spied)
    score = float(torch.minimum(outcome.moved, outcome.kept))
    assert score >= 0.3
    at_goal = [
        images
        for images in shown
        if float(torch.minimum(*Outputs(problem.model(images), problem).shares())) >= 0.3
    ]
    size = attack._polish(attack.ball(problem)).size if settings else attack.ball(problem).size
    sizes = [float(size(images - problem.clean)) for images in at_goal]
    assert float(size(outcome.adversarial - problem.clean)) == pytest.approx(min(sizes))


def test_of_several_starts_the_best_end_is_the_result():
    problem = problem_of(n=3)
    ends = []
    for restarts in (1, 2, 3):
        attack = attacks.PGD(epsilon=6.0, steps=4, goal=1.0, restarts=restarts, **ALL)
        outcome, _ = finish(attack, problem)
        ends.append(torch.minimum(outcome.moved, outcome.kept))
        moved, kept = Outputs(problem.model(outcome.adversarial), problem).shares()
        torch.testing.assert_close(ends[-1], torch.minimum(moved, kept))
    assert (ends[1] >= ends[0]).all()
    assert (ends[2] >= ends[1]).all()


def test_boxes_by_anchors_can_not_follow_a_resized_image():
    problem = problem_of(task="detection")
    with pytest.raises(SegadvError, match=r"diversity=0.5: .* anchors"):
        finish(attacks.PGD(diversity=0.5), problem)
    outcome, _ = finish(attacks.PGD(epsilon=12.0, steps=3, translation=2, scales=2), problem)
    assert (outcome.adversarial != problem.clean).any()


def test_a_class_of_the_whole_image_needs_no_way_back():
    problem = problem_of(task="classification")
    outcome, _ = finish(attacks.PGD(epsilon=12.0, steps=5, **ALL), problem)
    assert (outcome.adversarial != problem.clean).any()
