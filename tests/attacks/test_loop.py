"""The loop: best so far, early stop for each item, restarts, seeds, counting, cancelling."""

import numpy as np
import pytest
import torch
from helpers import bands, disc_image, disc_labels, finish

from napari_segadv import attacks
from napari_segadv.attacks.problem import Problem
from napari_segadv.errors import SegadvError


class Counting:
    """A model that counts its passes."""

    def __init__(self, network):
        self.network, self.forwards, self.backwards = network, 0, 0

    def __call__(self, x):
        self.forwards += 1
        z = self.network(x / 255)
        if z.requires_grad:
            z.register_hook(self._count)
        return z

    def _count(self, _):
        self.backwards += 1


@pytest.fixture
def model():
    net = bands()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return Counting(net)


def problem_of(model, images, labels, **more):
    clean = torch.from_numpy(np.stack(images).astype(np.float32))[:, None]
    with torch.no_grad():
        reference = model.network(clean / 255).max(1).indices
    target = torch.from_numpy(np.stack(labels).astype(np.int64))
    return Problem(model, clean, target, reference, **more)


def run(attack, problem, seed=0):
    return finish(attack.run(problem, seed))


def erased(seed=0):
    """The network's prediction without the dim disc."""
    image = torch.from_numpy(disc_image(seed=seed).astype(np.float32))[None, None]
    with torch.no_grad():
        labels = bands()(image / 255).max(1).indices[0].numpy()
    labels[:, :38][labels[:, :38] == 1] = 0
    return labels


@pytest.fixture
def easy(model):
    return problem_of(model, [disc_image()], [erased()])


@pytest.mark.parametrize("step", ["adam", "apgd", "sign", "momentum"])
@pytest.mark.parametrize("loss", ["margin", "cross-entropy", "soft-iou", "js"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_combination_reaches_an_easy_target(easy, step, loss, norm):
    epsilon = 60.0 if norm == "linf" else 2500.0
    attack = attacks.PGD(epsilon=epsilon, norm=norm, step=step, loss=loss, steps=120, goal=0.95)
    outcome, _ = run(attack, easy)
    assert min(outcome.moved.item(), outcome.kept.item()) >= 0.9
    d = outcome.adversarial - easy.clean
    size = d.abs().max() if norm == "linf" else d.norm()
    assert size <= epsilon * (1 + 1e-5)
    assert outcome.adversarial.min() >= 0
    assert outcome.adversarial.max() <= 255


def test_forwards_are_steps_plus_one(easy, model):
    outcome, states = run(attacks.PGD(epsilon=5.0, steps=7, goal=None), easy)
    assert (model.forwards, model.backwards) == (8, 7)
    assert outcome.steps == len(states) == 7
    assert len(outcome.curve) == 8


def test_it_stops_at_the_goal(easy, model):
    outcome, states = run(attacks.PGD(epsilon=60.0, steps=200), easy)
    assert outcome.steps < 100
    assert model.forwards == outcome.steps + 1
    assert min(outcome.moved.item(), outcome.kept.item()) >= 0.99
    assert states[-1].steps == 200


def test_the_best_is_kept_and_the_curve_never_falls(easy):
    """Steps that are far too large lose a good result again."""
    attack = attacks.PGD(epsilon=60.0, steps=40, step="sign", step_size=55.0, goal=None)
    outcome, _ = run(attack, easy)
    successes = [success for _, success in outcome.curve]
    assert successes == sorted(successes)
    assert min(outcome.moved.item(), outcome.kept.item()) == pytest.approx(successes[-1])


def test_items_stop_each_for_itself(model):
    """In a batch, items of different difficulty get what each gets alone."""
    darker = np.clip(disc_image().astype(int) - 20, 0, 255).astype(np.uint8)
    images, labels = [disc_image(), darker, disc_image(seed=3)], [erased()] * 2 + [erased(3)]
    attack = attacks.PGD(epsilon=60.0, steps=60, step="sign", step_size=2.0)
    # In double precision a batch is convolved to the same signs as its items.
    model.network.double()

    def outcome_of(images, labels):
        clean = torch.from_numpy(np.stack(images).astype(np.float64))[:, None]
        reference = model.network(clean / 255).max(1).indices
        target = torch.from_numpy(np.stack(labels).astype(np.int64))
        return run(attack, Problem(model, clean, target, reference))[0]

    together = outcome_of(images, labels)
    alone = [outcome_of([image], [label]) for image, label in zip(images, labels, strict=True)]
    assert len({outcome.steps for outcome in alone}) > 1
    assert together.steps == max(outcome.steps for outcome in alone)
    for item, outcome in enumerate(alone):
        torch.testing.assert_close(together.moved[item], outcome.moved[0])
        torch.testing.assert_close(together.adversarial[item], outcome.adversarial[0])


def test_a_target_that_is_there_already_costs_nothing(model):
    problem = problem_of(model, [disc_image()], [disc_labels()])
    problem = Problem(model, problem.clean, problem.reference, problem.reference)
    outcome, states = run(attacks.PGD(epsilon=5.0), problem)
    assert torch.equal(outcome.adversarial, problem.clean)
    assert (outcome.steps, states, model.forwards) == (0, [], 1)


def test_seeds(easy):
    attack = attacks.PGD(epsilon=30.0, steps=5, random_start=True, goal=None)
    first, again, other = (run(attack, easy, seed)[0].adversarial for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_restarts_go_on_while_the_goal_is_missed(easy, model):
    outcome, _ = run(attacks.PGD(epsilon=3.0, steps=4, restarts=3), easy)
    assert outcome.steps == 12
    assert model.forwards == 15
    model.forwards = 0
    outcome, _ = run(attacks.PGD(epsilon=60.0, steps=200, restarts=3), easy)
    assert outcome.steps < 200


def test_closing_stops_before_the_next_pass(easy, model):
    generator = attacks.PGD(epsilon=5.0, steps=50, goal=None).run(easy)
    for _ in range(3):
        next(generator)
    generator.close()
    assert model.forwards == 3


def test_the_region_is_kept(model):
    region = torch.zeros(1, 1, 48, 64, dtype=torch.bool)
    region[..., :30] = True
    problem = problem_of(model, [disc_image()], [erased()], region=region)
    for step in ("adam", "apgd", "sign", "momentum"):
        attack = attacks.PGD(epsilon=30.0, steps=10, step=step, goal=None, random_start=True)
        outcome, _ = run(attack, problem)
        moved = (outcome.adversarial - problem.clean).abs()
        assert moved[..., 30:].max() == 0
        assert moved[..., :30].max() > 0


def test_care_decides_which_pixels_count(model):
    care = torch.zeros(1, 48, 64)
    care[:, :, 40:] = 1
    problem = problem_of(model, [disc_image()], [erased()], care=care)
    outcome, _ = run(attacks.PGD(epsilon=30.0), problem)
    assert outcome.steps == 0
    assert torch.equal(outcome.adversarial, problem.clean)


def test_pixels_outside_the_bounds_stay(model):
    image = disc_image().astype(np.float32)
    image[0, 0], image[0, 1] = 300, -50
    problem = problem_of(model, [image], [erased()])
    outcome, _ = run(attacks.PGD(epsilon=40.0, steps=10, goal=None), problem)
    assert 255 <= outcome.adversarial[0, 0, 0, 0] <= 300
    assert -50 <= outcome.adversarial[0, 0, 0, 1] <= 0


def test_untargeted(model):
    problem = problem_of(model, [disc_image()], [disc_labels()], targeted=False)
    outcome, _ = run(attacks.PGD(epsilon=70.0, steps=60), problem)
    assert outcome.moved.item() >= 0.99
    assert outcome.kept.item() == 1.0


def test_fgsm_is_one_step_of_the_whole_budget(easy, model):
    outcome, _ = run(attacks.FGSM(epsilon=30.0), easy)
    assert (model.forwards, model.backwards) == (2, 1)
    moved = (outcome.adversarial - easy.clean).abs()
    assert moved.max() == 30
    assert outcome.moved.item() > 0


def test_defaults_and_budgets(easy):
    assert attacks.PGD().budget(easy) == pytest.approx(0.02 * 255)
    rms = attacks.PGD(norm="l2").budget(easy) / easy.clean[0].numel() ** 0.5
    assert rms == pytest.approx(0.005 * 255)
    assert attacks.PGD(epsilon=3.0).budget(easy) == 3.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps=0: must be a whole number from 1"),
        ({"steps": 2.5}, "steps=2.5"),
        ({"epsilon": -1.0}, "epsilon=-1.0: must be a number from 0 to 1e.09, or none"),
        ({"epsilon": float("nan")}, "epsilon=nan"),
        ({"loss": "dice"}, "loss=dice: must be one of margin"),
        ({"goal": 1.5}, "goal=1.5: must be a number from 0 to 1, or none"),
    ],
)
def test_senseless_parameters_are_refused(settings, message):
    with pytest.raises(SegadvError, match=message):
        attacks.PGD(**settings)
    with pytest.raises(SegadvError, match="method nope: unknown; use one of"):
        attacks.get("nope")
