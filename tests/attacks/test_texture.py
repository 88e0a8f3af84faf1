"""Textures of noise: linear maps that keep every budget, for any attack by additive noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from problems import finish, item_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.balls import Ball
from napari_segadv.attacks.losses import Outputs
from napari_segadv.attacks.texture import ANY, TEXTURES, Textured, choices
from napari_segadv.attacks.textures.quantum import grainy, quantum
from napari_segadv.attacks.textures.smooth import smooth
from napari_segadv.common.parameters import parameters
from napari_segadv.errors import SegadvError

KINDS = [name for name, kind in attacks.available().items() if issubclass(kind, Textured)]
BUDGETS = {"linf": 7.0, "l2": 40.0, "visible": 40.0}
every_texture = pytest.mark.parametrize("texture", list(TEXTURES.all()))


def attack_of(name, **settings):
    known = {one.name: one for one in parameters(attacks.get(name))}
    given = {"epsilon": 12.0, "steps": 8} | settings
    fitting = {
        k: v for k, v in given.items() if k in known and (v is not None or known[k].optional)
    }
    return attacks.get(name)(**fitting)


def task_of(name):
    return "segmentation" if "segmentation" in attacks.get(name).tasks else "classification"


def noisy(shape, sigma, seed=0):
    """Return white noise, each value uniform from -sigma to sigma."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=generator) * 2 - 1) * sigma


def pictures(shape, image):
    """Return a problem whose clean images are given, with a victim that does not matter."""
    labels = torch.zeros(image.shape[0], *shape, dtype=torch.int64)
    return attacks.Problem(lambda x: x, image, labels, labels)


def test_they_are_options_of_every_attack_by_additive_noise_with_a_gradient():
    others = set(attacks.available()) - set(KINDS)
    # Squares; fields; frequencies; and several attacks, each as strong as it can be.
    assert others == {"square", "deform", "synthesis", "vafa", "worst"}


@pytest.mark.parametrize("name", KINDS)
def test_results_that_lack_them_had_noise_of_any_kind(name):
    kind = attacks.get(name)
    defaults = {p.name: p.default for p in parameters(kind)}
    names = ("texture", "grain")
    assert {n: kind.added[n] for n in names} == {n: defaults[n] for n in names}
    assert attack_of(name).texture_of(problem_of()) is None


def test_a_name_that_no_module_declares_is_refused():
    known = ", ".join(choices())
    with pytest.raises(SegadvError, match=f"texture=wool: must be one of {known}"):
        attacks.PGD(texture="wool")
    assert choices() == (ANY, *TEXTURES.all())


@every_texture
@pytest.mark.parametrize("dims", [2, 3])
def test_it_is_linear_and_makes_no_pixel_larger(texture, dims):
    problem = problem_of(n=2, dims=dims, channels=2)
    weave = TEXTURES.get(texture)(problem, None)
    a, b = noisy(problem.clean.shape, 5.0), noisy(problem.clean.shape, 5.0, seed=1)
    torch.testing.assert_close(weave(2 * a - b), 2 * weave(a) - weave(b), atol=1e-5, rtol=1e-5)
    worst = torch.ones_like(a) * 5.0
    for v in (a, worst, 5.0 * (a + b).sign()):
        assert weave(v).shape == v.shape
        assert weave(v).abs().max() <= 5.0 * (1 + 1e-5)


@every_texture
def test_each_item_gets_the_texture_that_it_gets_alone(texture):
    problem = problem_of(n=3, channels=2)
    v = noisy(problem.clean.shape, 5.0)
    together = TEXTURES.get(texture)(problem, None)(v)
    for item in range(3):
        alone = TEXTURES.get(texture)(item_of(problem, item), None)(v[item : item + 1])
        torch.testing.assert_close(together[item : item + 1], alone)


@every_texture
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("norm", list(BUDGETS))
def test_budget_bounds_and_region_hold(name, texture, norm):
    if norm not in next(p for p in parameters(attacks.get(name)) if p.name == "norm").choices:
        return
    region = torch.zeros(2, 1, 12, 14, dtype=torch.bool)
    region[0, :, :, :9], region[1, :, :7] = True, True
    problem = problem_of(task=task_of(name), n=2, region=region)
    clean = problem.clean.clone()
    clean[:, :, 0, :4] = torch.tensor([0.0, 255.0, -30.0, 290.0])
    problem, epsilon = replace(problem, clean=clean), BUDGETS[norm]
    attack = attack_of(
        name, norm=norm, epsilon=epsilon, texture=texture, goal=None, random_start=True
    )
    outcome, _ = finish(attack, problem)
    d = (outcome.adversarial - clean).double()
    assert (d != 0).any()
    assert (d[~region] == 0).all()
    scaled = d * problem.visible if norm == "visible" else d
    size = d.abs().amax() if norm == "linf" else scaled.flatten(1).norm(dim=1)
    assert (size <= epsilon * (1 + 1e-5)).all()
    assert (outcome.adversarial <= clean.clamp_min(255)).all()
    assert (outcome.adversarial >= clean.clamp_max(0)).all()
    moved, kept = Outputs(problem.model(outcome.adversarial), problem).shares()
    torch.testing.assert_close(outcome.moved, moved)
    torch.testing.assert_close(outcome.kept, kept)


@every_texture
@pytest.mark.parametrize("name", KINDS)
def test_the_loss_falls(name, texture):
    """The gradient goes through the texture, so the attack still finds its way."""
    problem = problem_of(task=task_of(name))
    # SMIA's second loss begins with its second step.
    settings = {"texture": texture, "epsilon": 40.0, "steps": 12, "alpha": 0.0}
    outcome, _ = finish(attack_of(name, **settings), problem)
    losses = [loss for loss, _ in outcome.curve]
    assert min(losses[1:]) < losses[0]


def test_the_whole_round_budget_is_used():
    """The ball is one of the noise, not of what is blurred to make it."""
    problem = problem_of(low=-1e4, high=1e4)
    attack = attacks.PGD(norm="l2", epsilon=30.0, steps=10, goal=None, step="sign", step_size=30.0)
    outcome, _ = finish(replace(attack, texture="smooth", grain=2.0), problem)
    d = outcome.adversarial - problem.clean
    assert float(d.norm()) == pytest.approx(30.0, rel=1e-4)


def test_polish_makes_the_noise_itself_smaller():
    problem = problem_of()
    attack = attacks.PGD(epsilon=60.0, steps=40, goal=0.4, texture="smooth", grain=1.0)
    first, _ = finish(attack, problem)
    best, _ = finish(replace(attack, polish=True), problem)
    ball = Ball(problem, "visible", torch.tensor([1.0]))
    first_size, best_size = (ball.size(one.adversarial - problem.clean) for one in (first, best))
    assert float(best_size) < float(first_size)
    assert float(torch.minimum(best.moved, best.kept)) >= 0.4


@pytest.mark.parametrize("norm", ["l2", "visible"])
def test_bounds_that_cut_the_variable_do_not_lengthen_the_noise(norm):
    """A spot that a ring around it cancels: at the lower bound, the ring can't be."""
    clean = torch.zeros(1, 1, 41, 41)
    clean[..., 18:23, 18:23] = 128.0
    problem = pictures((41, 41), clean)
    ball = Ball(problem, norm, torch.tensor([50.0]), smooth(problem, 2.0))
    spot = torch.zeros_like(clean)
    spot[..., 20, 20] = 1.0
    narrow, wide = smooth(problem, 2.0)(spot), smooth(problem, 4.0)(spot)
    point = ball.project(1e6 * (narrow / narrow.sum() - wide / wide.sum()))
    noise = ball.noise(point)
    scaled = noise * problem.visible if norm == "visible" else noise
    assert 0 < float(scaled.norm()) <= 50.0 * (1 + 1e-5)
    assert (clean + noise >= 0).all()


@every_texture
def test_a_step_has_length_one_in_the_noise(texture):
    problem = problem_of(n=2)
    for norm in ("l2", "visible"):
        ball = Ball(problem, norm, torch.ones(2), TEXTURES.get(texture)(problem, None))
        step = ball.steepest(noisy(problem.clean.shape, 1.0))
        torch.testing.assert_close(ball.size(step), torch.ones(2))


@every_texture
def test_what_may_not_change_does_not_steer(texture):
    """Outside the region there is no noise, so its gradient is none of the variable's business."""
    region = torch.zeros(1, 1, 12, 14, dtype=torch.bool)
    region[..., :7] = True
    problem = problem_of(region=region)
    ball = Ball(problem, "linf", torch.tensor([9.0]), TEXTURES.get(texture)(problem, None))
    point = torch.zeros_like(problem.clean).requires_grad_()
    (gradient,) = torch.autograd.grad(ball.noise(point)[~region].sum(), point)
    assert (gradient == 0).all()


# --- smooth ---------------------------------------------------------------------------------


def test_smooth_noise_has_no_fine_detail():
    """The power of a Gaussian blur falls with the frequency f as exp(-(2 pi sigma f)^2)."""
    problem = pictures((64, 64), torch.zeros(1, 1, 64, 64))
    power = torch.fft.rfft2(smooth(problem, 3.0)(noisy((1, 1, 64, 64), 1.0))).abs().square()
    fast = torch.fft.fftfreq(64).abs()[:, None] > 1 / 9
    assert float(power[0, 0][fast.expand(-1, 33)].sum() / power.sum()) < 0.01


def test_smooth_noise_is_as_smooth_in_mm_along_every_axis():
    """Of slices 8 pixels apart, a spot spreads 8 times as many pixels in a slice as slices."""
    clean = torch.zeros(1, 1, 9, 61, 61)
    spot = clean.clone()
    spot[0, 0, 4, 30, 30] = 1.0
    problem = replace(pictures((9, 61, 61), clean), spacing=(4.0, 0.5, 0.5))
    spread = smooth(problem, 6.0)(spot)[0, 0]
    assert float(spread.sum()) == pytest.approx(1.0, abs=1e-3)
    for axis, sigma in ((0, 6.0 / 8), (1, 6.0), (2, 6.0)):
        others = tuple(a for a in range(3) if a != axis)
        line = spread.sum(others).double()
        at = torch.arange(len(line), dtype=torch.float64)
        variance = float((line * (at - at[len(at) // 2]) ** 2).sum() / line.sum())
        # The kernel ends at 3 sigma and is sampled once a pixel.
        assert variance**0.5 == pytest.approx(sigma, rel=0.03)


# --- quantum --------------------------------------------------------------------------------


def test_quantum_noise_has_the_spectrum_of_the_image_s_noise():
    """An image of stripes along its rows gets noise that is correlated along them."""
    generator = torch.Generator().manual_seed(3)
    white = torch.randn(1, 1, 256, 256, generator=generator)
    kernel = torch.ones(1, 1, 1, 5) / 5**0.5
    grain = torch.nn.functional.conv2d(white, kernel, padding="same")
    slope = torch.linspace(0, 100, 256).expand(256, 256)
    weave = quantum(pictures((256, 256), 100 + slope + 4 * grain), None)
    noise = weave(torch.randn(1, 1, 256, 256, generator=generator))[0, 0]
    here, right, below = noise[:-1, :-1], noise[:-1, 1:], noise[1:, :-1]
    correlated = [float(np.corrcoef(here.flatten(), a.flatten())[0, 1]) for a in (right, below)]
    # Of a mean of five, neighbours share four fifths.
    assert correlated[0] == pytest.approx(0.8, abs=0.08)
    assert abs(correlated[1]) < 0.1


def test_quantum_noise_is_strong_where_that_of_the_image_is():
    rows = torch.linspace(0.5, 8.0, 256)[:, None]
    image = 100 + rows * torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    image[:, :64] = 0.0
    weave = quantum(pictures((256, 256), image[None, None]), None)
    noise = weave(noisy((1, 1, 256, 256), 5.0))[0, 0]
    # Up to the last black column beside a bright one.
    assert float(noise[:, :63].abs().max()) == 0.0
    parts = (slice(48), slice(104, 152), slice(208, 256))
    top, middle, bottom = (noise[part, 96:].std() for part in parts)
    assert float(middle / top) == pytest.approx(4.25 / 1.2, rel=0.25)
    assert float(bottom / middle) == pytest.approx(7.3 / 4.25, rel=0.25)


def test_each_channel_is_blurred_by_its_own_kernel():
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(2, 2, 3, 20, 17, generator=generator)
    kernels = torch.randn(4, 5, 7, generator=generator)
    kernels = kernels + kernels.flip(1, 2)
    strengths = torch.rand(4, 3, 20, 17, generator=generator)
    slices = v.reshape(strengths.shape).transpose(0, 1)
    expected = torch.nn.functional.conv2d(slices, kernels[:, None], padding=(2, 3), groups=4)
    expected = (expected.transpose(0, 1) * strengths).reshape(v.shape)
    torch.testing.assert_close(grainy(v, kernels, strengths), expected, atol=1e-4, rtol=1e-4)


def test_a_channel_without_noise_gets_none_and_the_others_theirs():
    image = torch.full((2, 2, 64, 64), 7.0)
    image[:, 0] = 100 + noisy((2, 64, 64), 5.0)
    noise = quantum(pictures((64, 64), image), None)(noisy(image.shape, 5.0))
    assert float(noise[:, 1].abs().max()) == 0.0
    assert float(noise[:, 0].abs().max()) > 0.1


def test_an_image_without_noise_has_none_to_imitate():
    image = torch.arange(64.0).expand(1, 1, 64, 64) * 15
    flat = torch.full((1, 1, 64, 64), 30_000.1)
    for each in (torch.zeros_like(image), image, image + 30_000, flat):
        with pytest.raises(SegadvError, match="no noise that could be imitated"):
            quantum(pictures((64, 64), each), None)


def test_a_grain_is_for_textures_that_have_one():
    with pytest.raises(SegadvError, match="grain=2: the texture quantum has the grain of the"):
        finish(attacks.PGD(texture="quantum", grain=2.0), problem_of())
    with pytest.raises(SegadvError, match="grain=2: is the size of a texture; choose a texture"):
        finish(attacks.PGD(grain=2.0), problem_of())
