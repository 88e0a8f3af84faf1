"""What every attack promises; an attack that a new file adds is tested without further edits.

Seeds, budget, bounds, region, batches, cancelling, counting, 2-D and 3-D, kinds of victims.
"""

from dataclasses import replace

import pytest
import torch
from problems import finish, images_of, item_of, problem_of

from napari_segadv import attacks
from napari_segadv.attacks.losses import Outputs
from napari_segadv.common.parameters import parameters, values
from napari_segadv.errors import SegadvError
from napari_segadv.victims import tasks as task_module

# Attacks with one perturbation for all items, so the items of a batch depend on each other.
JOINT = {"universal"}
# Small settings, for the attacks that have such a parameter.
SMALL = {"epsilon": 12.0, "steps": 6, "goal": None}
BUDGETS = {"linf": 7.0, "l2": 40.0, "visible": 40.0}


def declared(name):
    return {p.name: p for p in parameters(attacks.get(name))}


def attack_of(name, **settings):
    """Make an attack with those of the settings that it accepts."""
    known = declared(name)
    given = {}
    for key, value in (SMALL | settings).items():
        if key in known and (value is not None or known[key].optional):
            given[key] = value
    return attacks.get(name)(**given)


def size_of(d, norm, problem):
    """Return the size (N,) of perturbations."""
    if norm == "linf":
        return d.abs().flatten(1).amax(1)
    return (d * problem.visible if norm == "visible" else d).flatten(1).norm(dim=1)


def takes_a_file(name):
    return any(p.kind is str and not p.choices for p in declared(name).values())


def run_or_skip(name, problem, seed=0, **settings):
    """Like `finish`, but skips an attack that needs a file, which no test here can give."""
    try:
        return finish(attack_of(name, **settings), problem, seed)
    except SegadvError as error:
        if takes_a_file(name):
            pytest.skip(f"{error}")
        raise


ATTACKS = [n for n in attacks.available() if not any(p.required for p in declared(n).values())]
TASKS = task_module.tasks()
CASES = [
    pytest.param(
        name,
        {"task": task, "targeted": goal, "quick": quick},
        id=f"{name}-{task}-{kind}{'-quick' if quick else ''}",
    )
    for name in ATTACKS
    for task in TASKS
    if TASKS[task].suits(attacks.get(name).tasks)
    for kind, goal in (("targeted", True), ("untargeted", False))
    if goal or not getattr(attacks.get(name), "targeted_only", False)
    for quick in (False, True)
]
every_case = pytest.mark.parametrize(("name", "case"), CASES)


@pytest.mark.parametrize("name", attacks.available())
def test_it_is_declared_in_full(name):
    attack = attacks.get(name)
    assert attack.name == name
    assert attack.title
    assert attack.source
    assert set(attack.tasks) <= {"segmentation", "classification", "detection"}
    assert attack.__doc__
    assert {"epsilon", "norm"} <= set(declared(name))
    for parameter in declared(name).values():
        assert parameter.param.doc, parameter.name
        assert not parameter.param.doc.endswith("."), parameter.name
        if not parameter.required:
            parameter.check(parameter.default)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_can_be_made_again_from_what_is_recorded(name):
    attack = attack_of(name)
    assert attacks.get(name)(**values(attack)) == attack
    assert replace(attack, epsilon=3.0).budget(problem_of()) == 3.0


@every_case
def test_a_seed_gives_the_same_bits(name, case):
    problem = problem_of(n=2, **case)
    first, again = (run_or_skip(name, problem, seed=5, random_start=True)[0] for _ in range(2))
    assert torch.equal(first.adversarial, again.adversarial)
    assert first.curve == again.curve


@every_case
def test_one_that_is_blind_needs_no_gradient(name, case):
    """It is what programs are attacked by, which give a mask and nothing else."""
    problem = problem_of(**case)
    model = problem.model
    if attacks.get(name).blind:
        run_or_skip(name, replace(problem, model=lambda images: model(images).detach()))


@every_case
@pytest.mark.parametrize("norm", list(BUDGETS))
def test_budget_bounds_and_region(name, case, norm):
    if norm not in declared(name)["norm"].choices:
        with pytest.raises(SegadvError, match=f"norm={norm}"):
            attack_of(name, norm=norm)
        return
    clean = images_of(2)
    clean[:, :, 0, :4] = torch.tensor([0.0, 255.0, -30.0, 290.0])
    region = torch.zeros(2, 1, 12, 14, dtype=torch.bool)
    region[0, :, :, :9], region[1, :, :7] = True, True
    problem = replace(problem_of(n=2, region=region, **case), clean=clean)
    epsilon = BUDGETS[norm]
    shown, model = [], problem.model
    spied = replace(problem, model=lambda images: shown.append(images.detach()) or model(images))
    outcome, _ = run_or_skip(name, spied, norm=norm, epsilon=epsilon, random_start=True)
    assert any((images != clean).any() for images in shown)
    assert outcome.adversarial.shape == clean.shape
    assert outcome.adversarial.dtype == clean.dtype
    d = (outcome.adversarial - clean).double()
    size = size_of(d, norm, problem)
    # In float32, clean + noise - clean is the noise except for the image's last bits.
    assert (size <= epsilon * (1 + 1e-5)).all()
    assert (d[~region] == 0).all()
    assert (outcome.adversarial <= clean.clamp_min(255)).all()
    assert (outcome.adversarial >= clean.clamp_max(0)).all()


@every_case
def test_each_item_of_a_batch_gets_what_it_gets_alone(name, case):
    if name in JOINT:
        pytest.skip("one perturbation for the whole batch")
    problem = problem_of(n=3, **case)
    settings = {"steps": 20, "epsilon": 25.0, "goal": 0.9}
    together, _ = run_or_skip(name, problem, **settings)
    for item in range(3):
        alone, _ = run_or_skip(name, item_of(problem, item), **settings)
        torch.testing.assert_close(together.moved[item], alone.moved[0])
        torch.testing.assert_close(together.kept[item], alone.kept[0])
        torch.testing.assert_close(
            together.adversarial[item], alone.adversarial[0], rtol=0, atol=5e-2
        )


@every_case
def test_polish_keeps_the_goal_the_budget_and_the_steps(name, case):
    if "polish" not in declared(name):
        return
    problem = problem_of(n=2, **case)
    settings = {"steps": 30, "epsilon": 25.0, "goal": 0.7}
    first, _ = run_or_skip(name, problem, **settings)
    reached = torch.minimum(first.moved, first.kept) >= 0.7
    outcome, states = run_or_skip(name, problem, **settings, polish=True)
    assert len(states) == 30
    d = (outcome.adversarial - problem.clean).double()
    assert (d.abs() <= 25.0 * (1 + 1e-5)).all()
    shares = Outputs(problem.model(outcome.adversarial), problem).shares()
    torch.testing.assert_close(outcome.moved, shares[0])
    torch.testing.assert_close(outcome.kept, shares[1])
    assert (torch.minimum(*shares)[reached] >= 0.7).all()


@every_case
def test_closing_stops_before_the_next_pass(name, case):
    problem = problem_of(**case)
    run_or_skip(name, problem)
    whole, problem.model.forwards = problem.model.forwards, 0
    generator = attack_of(name).run(problem)
    next(generator)
    done = problem.model.forwards
    generator.close()
    assert problem.model.forwards == done
    assert 0 < done < whole


@every_case
def test_steps_are_counted_and_the_outcome_is_true(name, case):
    problem = problem_of(n=2, **case)
    outcome, states = run_or_skip(name, problem)
    assert [state.step for state in states] == list(range(1, len(states) + 1))
    assert outcome.steps == len(states) > 0
    assert all(state.step <= state.steps for state in states)
    for state in states:
        assert 0 <= state.success <= 1
        assert str(state)
    moved, kept = Outputs(problem.model(outcome.adversarial), problem).shares()
    torch.testing.assert_close(outcome.moved, moved)
    torch.testing.assert_close(outcome.kept, kept)
    assert len(outcome.curve) >= len(states)
    # If an attack always has a goal, a success beyond it does not count.
    most = getattr(attack_of(name), "goal", None) or 1.0
    reached = torch.minimum(moved, kept).clamp_max(most).mean()
    assert outcome.curve[-1][1] == pytest.approx(reached.item())


@every_case
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("classes", [1, 2])
def test_volumes_two_classes_and_one_sigmoid_channel(name, case, dims, classes):
    problem = problem_of(dims=dims, classes=classes, n=2, **case)
    outcome, _ = run_or_skip(name, problem)
    assert outcome.adversarial.shape == problem.clean.shape
    assert outcome.adversarial.isfinite().all()
    assert (outcome.adversarial != problem.clean).any()


@every_case
def test_colour(name, case):
    problem = problem_of(channels=3, **case)
    outcome, _ = run_or_skip(name, problem)
    assert outcome.adversarial.shape == (1, 3, 12, 14)
    assert (outcome.adversarial != problem.clean).any()


@every_case
@pytest.mark.parametrize("norm", list(BUDGETS))
def test_channels_with_bounds_and_a_region_of_their_own(name, case, norm):
    """Channels are of different kinds: each has its own ends, and one of them may have to stay."""
    if norm not in declared(name)["norm"].choices:
        return
    region = torch.ones(2, 3, 12, 14, dtype=torch.bool)
    region[:, 1] = False
    ends = [torch.tensor(values).view(1, 3, 1, 1) for values in ([0.0, 0, 100], [255.0, 255, 160])]
    problem = problem_of(channels=3, n=2, region=region, low=ends[0], high=ends[1], **case)
    epsilon = BUDGETS[norm]
    outcome, _ = run_or_skip(name, problem, norm=norm, epsilon=epsilon, random_start=True)
    d = (outcome.adversarial - problem.clean).double()
    size = size_of(d, norm, problem)
    assert (size <= epsilon * (1 + 1e-5)).all()
    assert (d[~region] == 0).all()
    assert (d[:, [0, 2]] != 0).any()
    low, high = (torch.broadcast_to(end, problem.clean.shape) for end in ends)
    assert (outcome.adversarial >= torch.minimum(low, problem.clean)).all()
    assert (outcome.adversarial <= torch.maximum(high, problem.clean)).all()


@every_case
def test_a_budget_without_a_limit_knows_channels(name, case):
    if not attacks.get(name).unbounded:
        return
    ends = [torch.tensor(values).view(1, 2, 1, 1) for values in ([0.0, 100], [255.0, 160])]
    problem = problem_of(channels=2, low=ends[0], high=ends[1], **case)
    assert attacks.get(name)().budget(problem) >= 255.0
