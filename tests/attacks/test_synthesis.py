"""Learned synthesis: the generator's fields, its training, and the attack that draws from it."""

from dataclasses import replace

import pytest
import torch
from problems import finish, images_of, item_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.fields.critic import SMALLEST_SIDE, Critic
from napari_segadv.attacks.fields.fields import Synthesis
from napari_segadv.attacks.fields.losses import structures_cross_entropy
from napari_segadv.attacks.fields.networks import Generator, Layout, Scale
from napari_segadv.attacks.fields.recipe import Recipe
from napari_segadv.attacks.fields.synthesiser import Synthesiser
from napari_segadv.attacks.fields.training import Training, batches, divergence, whole_range
from napari_segadv.attacks.losses import Outputs
from napari_segadv.errors import SegadvError


def synthesiser_of(images, dims=None, parts="both", xi=1.0, displacement=1.5, intensity=60.0):
    """An untrained generator, except that its last layers are not near 0."""
    torch.manual_seed(0)
    layout = Layout(dims or images.ndim - 2, images.shape[1], parts, width=4, levels=3, latent=2)
    scale = Scale.of([images], 0.0, 255.0)
    synthesiser = Synthesiser(Generator(layout), scale, displacement, intensity, xi)
    for decoder in synthesiser.network.decoders.values():
        torch.nn.init.normal_(decoder[-1].conv.weight, std=0.5)
    return synthesiser


def ready(synthesiser):
    synthesiser.network.eval().requires_grad_(False)
    return synthesiser


def drawn(synthesiser, images, seed=0):
    noise = synthesiser.noise(images, torch.Generator().manual_seed(seed))
    return synthesiser.fields(images, synthesiser.codes(images), noise)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("parts", ["both", "displacement", "intensity"])
def test_fields_fit_the_image_and_keep_to_their_limits(dims, channels, parts):
    images = images_of(2, dims, channels)
    d, v = drawn(ready(synthesiser_of(images, parts=parts)), images)
    assert (d is None, v is None) == (parts == "intensity", parts == "displacement")
    if d is not None:
        assert d.shape == (2, dims, *images.shape[2:])
        assert 0 < d.abs().max() <= 1.5
    if v is not None:
        assert v.shape == images.shape
        assert 0 < v.abs().max() <= 60


def test_a_generator_for_slices_takes_volumes_slice_by_slice():
    volume = images_of(2, 3)
    synthesiser = ready(synthesiser_of(volume, dims=2))
    noise = synthesiser.noise(volume, torch.Generator().manual_seed(0))
    d, v = synthesiser.fields(volume, synthesiser.codes(volume), noise)
    assert d.shape == (2, 3, *volume.shape[2:])
    assert not d[:, 0].any()
    for z in (0, 5):
        one = volume[:, :, z]
        flat_d, flat_v = synthesiser.fields(one, synthesiser.codes(one), noise)
        torch.testing.assert_close(d[:, 1:, z], flat_d)
        torch.testing.assert_close(v[:, :, z], flat_v)


def test_a_network_of_both_fields_has_two_codes_and_two_decoders_of_one_shape():
    network = synthesiser_of(images_of(1, 3)).network
    assert network.noise_shape((6, 8, 7)) == (2, 2, 1, 1, 1)
    weights = [
        [tuple(w.shape) for w in network.decoders[part].parameters()]
        for part in ("displacement", "intensity")
    ]
    assert weights[0][:-2] == weights[1][:-2]
    first, second = (dict(network.decoders[p].named_parameters()) for p in network.parts)
    assert all(first[name] is not second[name] for name in first)


def test_the_divergence_is_that_of_two_normal_distributions():
    mean, sigma = torch.randn(2, 3, 4), torch.rand(2, 3, 4) + 0.1
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, sigma), normal(0.0, 1.0)).mean()
    torch.testing.assert_close(divergence(mean, sigma), expected)


def test_a_critic_judges_the_smallest_images_and_its_weights_are_held():
    for dims in (2, 3):
        critic = Critic(Layout(dims, width=4), SMALLEST_SIDE)
        assert critic(torch.rand(2, 1, *[SMALLEST_SIDE] * dims)).shape == (2,)
        critic.clip(0.005)
        assert max(weights.abs().max() for weights in critic.parameters()) <= 0.005


def test_batches_hold_every_image_once_and_shapes_apart():
    shapes = [(1, 1, 12, 14)] * 5 + [(1, 1, 10, 10)] * 2
    problems = [replace(problem_of(), clean=torch.zeros(shape)) for shape in shapes]
    recipe = Recipe(batch=4, seed=3)
    first, second = (list(batches(problems, recipe, epoch)) for epoch in (0, 1))
    assert sorted(i for batch in first for i in batch) == list(range(7))
    assert sorted(len(batch) for batch in first) == [2, 2, 3]
    assert all(len({shapes[i] for i in batch}) == 1 for batch in first)
    assert first != second
    assert first == list(batches(problems, recipe, 0))


def training_of(problems, **settings):
    recipe = Recipe(**{"epochs": 40, "batch": 2, "rate": 3e-3, "xi": 1.0} | settings)
    synthesiser = synthesiser_of(torch.cat([p.clean for p in problems]), parts=recipe.parts)
    torch.manual_seed(1)
    critic = Critic(synthesiser.network.layout, 12)
    return Training(synthesiser, critic, recipe)


def small_problems(n=4):
    whole = problem_of(n=n, targeted=False)
    return [item_of(whole, item) for item in range(n)]


def test_training_brings_the_cross_entropy_to_xi():
    problems = small_problems()
    training = training_of(problems, displacement_penalty=0.0)
    steps = list(training.run(problems))
    assert [step.step for step in steps] == list(range(1, 81))
    assert {step.steps for step in steps} == {80}
    assert steps[-1].epoch == training.epoch == 40
    assert len(training.history) == 40
    before, after = training.history[0][1], training.history[-1][1]
    assert abs(before - 1.0) > 0.4
    assert abs(after - 1.0) < 0.2
    assert all(0 < step.change < 2 for step in steps)


def test_a_seed_trains_the_same_bits_and_stopping_changes_nothing():
    problems = small_problems()

    def weights(training):
        return [w.detach().clone() for w in training.synthesiser.network.parameters()]

    def trained(training):
        list(training.run(problems))
        return weights(training)

    whole = trained(training_of(problems, epochs=3))
    again = trained(training_of(problems, epochs=3))
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    halves = training_of(problems, epochs=1)
    trained(halves)
    halves.recipe = replace(halves.recipe, epochs=3)
    assert all(torch.equal(a, b) for a, b in zip(whole, trained(halves), strict=True))
    other = trained(training_of(problems, epochs=3, seed=1))
    assert not torch.equal(whole[0], other[0])


def attacked(problem, **more):
    synthesiser = ready(synthesiser_of(problem.clean))
    return replace(problem, trained=synthesiser, **more), synthesiser


def test_the_best_of_the_samples_is_kept():
    problem, synthesiser = attacked(problem_of(n=2, targeted=False))
    outcome, states = finish(attacks.Synthesis(samples=6), problem, seed=4)
    assert problem.model.forwards == 6
    assert problem.model.backwards == 0
    assert len(states) == outcome.steps == 5
    moved, rng = [], torch.Generator().manual_seed(4)
    images, codes = Synthesis(whole_range(problem)), synthesiser.codes(problem.clean)
    for _ in range(6):
        noise = synthesiser.noise(problem.clean[:1], rng).expand(2, -1, -1, -1, -1)
        made = images(*synthesiser.fields(problem.clean, codes, noise))
        moved.append(Outputs(problem.model(made), problem).shares()[0])
    assert len(torch.stack(moved).unique()) > 2
    torch.testing.assert_close(outcome.moved, torch.stack(moved).amax(0))
    again = images(outcome.fields["displacement"], outcome.fields["intensity"])
    assert torch.equal(outcome.adversarial, again)


def test_a_sample_can_be_drawn_alone_within_a_budget_and_again():
    problem, _ = attacked(problem_of(n=2, targeted=False))
    attack = attacks.Synthesis(samples=1, epsilon=5.0)
    outcome, states = finish(attack, problem, seed=1)
    assert states == []
    assert 0 < (outcome.adversarial - problem.clean).abs().max() <= 5 * (1 + 1e-5)
    again, other = (finish(attack, problem, seed)[0] for seed in (1, 2))
    assert torch.equal(outcome.adversarial, again.adversarial)
    assert not torch.equal(outcome.adversarial, other.adversarial)
    alone, _ = finish(attack, item_of(problem, 1), seed=1)
    torch.testing.assert_close(outcome.adversarial[1:], alone.adversarial)


def test_what_it_cannot_do_it_says():
    attack = attacks.Synthesis()
    with pytest.raises(SegadvError, match="needs a generator; train one"):
        finish(attack, problem_of(targeted=False))
    with pytest.raises(SegadvError, match="takes no target"):
        finish(attack, attacked(problem_of())[0])
    for synthesiser, problem in (
        (synthesiser_of(images_of(channels=3)), problem_of(targeted=False)),
        (synthesiser_of(images_of(dims=3)), problem_of(targeted=False)),
    ):
        with pytest.raises(SegadvError, match="generator: was trained on"):
            finish(attack, replace(problem, trained=ready(synthesiser)))


def test_a_trained_generator_gets_away_from_an_image_it_has_not_seen():
    problems = small_problems(6)
    training = training_of(problems[:5], displacement_penalty=0.0)
    list(training.run(problems[:5]))
    problem = replace(problems[5], trained=ready(training.synthesiser))
    outcome, _ = finish(attacks.Synthesis(samples=4), problem)
    before = structures_cross_entropy(Outputs(problem.model(problem.clean), problem))
    after = structures_cross_entropy(Outputs(problem.model(outcome.adversarial), problem))
    assert after > before + 0.3
    assert outcome.moved > 0.2


def test_the_victims_gradient_reaches_the_generator_whole():
    """Computed one image at a time, it is the gradient of the loss as the paper writes it."""
    problems = small_problems(3)
    training = training_of(problems, displacement_penalty=0.0, intensity_penalty=0.0)
    training.recipe = replace(training.recipe, realism=0.0, divergence=0.0)
    network = training.synthesiser.network.train()
    made = [Synthesis(whole_range(problem)) for problem in problems]
    clean = torch.cat([problem.clean for problem in problems])
    d, v = drawn(training.synthesiser, clean)
    images = torch.cat([one(d[i : i + 1], v[i : i + 1]) for i, one in enumerate(made)])
    entropies = [
        structures_cross_entropy(Outputs(problem.model(images[i : i + 1]), problem))
        for i, problem in enumerate(problems)
    ]
    whole = (training.recipe.xi - torch.cat(entropies)).square().mean()
    expected = torch.autograd.grad(whole, list(network.parameters()))
    before = [w.detach().clone() for w in network.parameters()]
    loss, entropy, _ = training.step(made, 0)
    assert loss == pytest.approx(whole.item(), rel=1e-4)
    assert entropy == pytest.approx(torch.cat(entropies).mean().item(), rel=1e-4)
    for weights, old, gradient in zip(network.parameters(), before, expected, strict=True):
        torch.testing.assert_close(weights.grad, gradient, rtol=1e-3, atol=1e-6)
        assert not torch.equal(weights, old) or not gradient.any()
