"""The worst of several attacks: at least as bad as each of them, and who found it is told."""

import json
from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch
from helpers import disc_image
from problems import finish, problem_of

import napari_segadv as sa
from napari_segadv import attacks
from napari_segadv.attacks.losses import LOSSES, Outputs
from napari_segadv.attacks.methods.worst import SEA
from napari_segadv.attacks.staged import lengths, staged
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.measures.labels import Overlap
from napari_segadv.results.tables import facts

NAMES = ["margin", "sea-balanced", "sea-masked", "sea-js", "cross-entropy", "cosine", "least"]


def worst(**settings):
    return attacks.get("worst")(**{"steps": 6, "epsilon": 9.0, "goal": None} | settings)


def success(problem, images):
    return torch.minimum(*Outputs(problem.model(images), problem).shares())


def mean_dice(problem, images):
    """Measure each item as a saved result is measured."""
    found = problem.model(images).argmax(1).numpy()
    care = problem.care
    each = []
    for item, labels in enumerate(problem.labels.numpy()):
        counted = None if care is None else care[item].numpy()
        overlap = Overlap.of(found[item], labels, counted)
        each.append(np.mean([overlap.dice(label) for label in overlap.structures]))
    return each


def size_of(attack, problem, images):
    return attack.ball(problem).size(images - problem.clean)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("targeted", [False, True])
def test_it_is_the_worst_of_its_members_run_alone(targeted, quick):
    problem = problem_of(n=3, targeted=targeted, quick=quick)
    attack = worst(steps=12)
    outcome, _ = finish(attack, problem, seed=4)
    members = attack.members(problem)
    assert list(members) == [*NAMES, "square"]
    alone = {name: finish(one, problem, seed=4)[0].adversarial for name, one in members.items()}
    alone["image"] = problem.clean
    if targeted:
        ranks = {name: (-success(problem, x)).tolist() for name, x in alone.items()}
    else:
        ranks = {name: mean_dice(problem, x) for name, x in alone.items()}
    sizes = {name: size_of(attack, problem, x).tolist() for name, x in alone.items()}
    for item, winner in enumerate(outcome.details["winner"]):
        assert torch.equal(outcome.adversarial[item], alone[winner][item])
        won = ranks[winner][item], sizes[winner][item]
        assert won <= min((ranks[name][item], sizes[name][item]) for name in alone)
    told = outcome.details["members"]
    for name in alone:
        if targeted:
            both = np.minimum(told[name]["moved"], told[name]["kept"])
            assert (-both).tolist() == ranks[name]
        else:
            assert told[name]["dice"] == pytest.approx(ranks[name], abs=1e-12)
        assert told[name]["size"] == sizes[name]
    # With one member alone, nothing would be compared.
    assert len({tuple(row) for row in ranks.values()}) > 3


def test_members_are_the_public_attacks_of_the_same_settings():
    problem = problem_of(n=2)
    attack = worst(steps=8, goal=None)
    outcome, _ = finish(attack, problem, seed=2)
    told = outcome.details["members"]
    shared = {"steps": 8, "epsilon": 9.0}
    for name, one in {
        "margin": attacks.PGD(**shared, goal=None),
        "cosine": attacks.PGD(**shared, goal=None, loss="cosine"),
        "cross-entropy": attacks.PGD(**shared, goal=None, loss="cross-entropy"),
        "square": attacks.Square(**shared, goal=None),
    }.items():
        alone, _ = finish(one, problem, seed=2)
        assert told[name]["moved"] == alone.moved.tolist()
        assert told[name]["kept"] == alone.kept.tolist()


def test_passes_are_those_of_the_members_and_of_the_judgements():
    problem = problem_of(n=2, targeted=False)
    attack = worst()
    outcome, states = finish(attack, problem)
    whole = problem.model.forwards, problem.model.backwards
    problem.model.forwards = problem.model.backwards = 0
    members = attack.members(problem)
    for member in members.values():
        finish(member, problem)
    # One for the clean image, and one for each member's result.
    assert whole[0] == problem.model.forwards + 1 + len(members)
    assert whole[1] == problem.model.backwards
    steps = [one["steps"] for one in outcome.details["members"].values()]
    assert outcome.steps == sum(steps) == len(states) == 6 * len(members)
    assert {state.steps for state in states} == {6 * len(members)}


def test_an_image_at_the_goal_is_not_touched_again():
    problem = problem_of(n=3)
    shown, model = [], problem.model

    def spy(images):
        shown.append(images.detach().clone())
        return model(images)

    attack = worst(goal=0.3, epsilon=14.0, steps=10, least=False, square=False)
    first, _ = finish(attack.members(problem)["margin"], problem)
    reached = torch.minimum(first.moved, first.kept) >= 0.3
    assert 0 < int(reached.sum()) < 3
    outcome, _ = finish(attack, replace(problem, model=spy))
    assert torch.equal(outcome.adversarial[reached], first.adversarial[reached])
    told = outcome.details["members"]["sea-balanced"]["moved"]
    assert [value is None for value in told] == reached.tolist()
    later = [images for images in shown if len(images) < 3]
    assert len(later) > 10
    for item in reached.nonzero().flatten().tolist():
        near = [(images - problem.clean[item]).abs().flatten(1).amax(1).min() for images in later]
        assert min(near) > 2 * 14.0


@pytest.mark.parametrize("goal", [0.3, 0.6, 0.9])
def test_up_to_the_goal_no_member_alone_is_better(goal):
    problem = problem_of(n=3)
    attack = worst(goal=goal, epsilon=14.0, steps=10)
    outcome, _ = finish(attack, problem)
    found = torch.minimum(outcome.moved, outcome.kept).clamp_max(goal)
    for member in attack.members(problem).values():
        alone, _ = finish(member, problem)
        assert (found >= torch.minimum(alone.moved, alone.kept).clamp_max(goal)).all()


def test_an_image_that_is_at_the_goal_already_stays_as_it_is():
    problem = problem_of(n=2)
    done = replace(problem, labels=problem.reference)
    outcome, states = finish(worst(goal=0.99), done)
    assert torch.equal(outcome.adversarial, problem.clean)
    assert outcome.details["winner"] == ["image", "image"]
    assert (outcome.steps, len(states), done.model.forwards) == (0, 0, 1)


@pytest.mark.parametrize("task", ["segmentation", "overlapping"])
@pytest.mark.parametrize("care", [False, True])
def test_dice_is_that_of_the_measures(task, care):
    problem = problem_of(n=3, task=task, targeted=False)
    if care:
        weights = (torch.rand(3, 12, 14, generator=torch.Generator().manual_seed(0)) > 0.4).float()
        problem = replace(problem, care=weights)
    found = problem.model(problem.clean + 12).argmax(1)
    if task == "segmentation":
        expected = mean_dice(problem, problem.clean + 12)
    else:
        expected = []
        for item in range(3):
            each = []
            for bit in range(3):
                one, other = ((m[item] >> bit & 1) for m in (found, problem.labels))
                counted = None if problem.care is None else problem.care[item].numpy()
                overlap = Overlap.of(one.numpy(), other.numpy(), counted)
                each += [overlap.dice(1)] if overlap.structures else []
            expected.append(np.mean(each))
    assert 0 < min(expected) < max(expected) < 1
    np.testing.assert_allclose(problem.dice(found).numpy(), expected, rtol=1e-12)
    assert problem.dice(problem.labels).tolist() == [1.0] * 3


def test_the_victims_own_decision_is_what_counts():
    """A victim that tidies up everything leaves no structure, whatever its logits say."""
    problem = problem_of(n=1, targeted=False)
    emptied = replace(problem, decide=lambda logits: torch.zeros_like(logits[:, 0]).long())
    outcome, _ = finish(worst(square=False), emptied)
    assert outcome.details["members"]["margin"]["dice"] == [0.0]
    assert outcome.details["winner"] == ["image"]


@pytest.mark.parametrize("norm", ["l2", "visible"])
def test_square_is_left_out_with_a_word_where_it_does_not_apply(norm):
    outcome, _ = finish(worst(norm=norm, epsilon=40.0), problem_of())
    assert list(outcome.details["members"]) == ["image", *NAMES]
    assert outcome.details["left_out"] == ["square"]
    assert any("left out" in note for note in outcome.notes)
    chosen = worst(norm=norm, epsilon=40.0, square=False)
    assert not any("left out" in note for note in finish(chosen, problem_of())[0].notes)


def test_there_is_something_to_run():
    nothing = dict.fromkeys(("margin", "sea", "cross_entropy", "cosine", "least"), False)
    with pytest.raises(SegadvError, match="no attack is chosen"):
        worst(**nothing, square=False)
    with pytest.raises(SegadvError, match="square is for Linf alone"):
        worst(**nothing, norm="l2")
    outcome, states = finish(worst(**nothing, queries=9), problem_of())
    assert list(outcome.details["members"]) == ["image", "square"]
    assert len(states) == 9


def test_without_an_epsilon_every_member_has_the_usual_budget():
    problem = problem_of()
    attack = worst(epsilon=None)
    assert {one.epsilon for one in attack.members(problem).values()} == {0.02 * 255}


def test_the_stages_share_out_the_steps():
    assert lengths(300) == (90, 90, 120)
    for steps in range(1, 40):
        assert sum(lengths(steps)) == steps
        assert lengths(steps)[2] >= 1


@pytest.mark.parametrize("norm", ["linf", "l2", "visible"])
def test_the_stages_shrink_and_end_inside_the_budget(norm):
    epsilon = 6.0 if norm == "linf" else 40.0
    problem = problem_of(targeted=False)
    shown, model = [], problem.model

    def spy(images):
        shown.append(images.detach().clone())
        return model(images)

    attack = attacks.PGD(norm=norm, epsilon=epsilon)
    spied = replace(problem, model=spy)
    ball = attack.ball(spied)
    outcome, states = helpers.finish(staged(ball, SEA["masked"], 20))
    sizes = torch.cat([ball.size(images - problem.clean) for images in shown]) / epsilon
    # Each stage has a pass more than steps.
    parts = sizes.split([7, 7, 9])
    for part, radius in zip(parts, (2.0, 1.5, 1.0), strict=True):
        assert radius * 0.9 < float(part.max()) <= radius * (1 + 1e-5)
    assert float(ball.size(outcome.adversarial - problem.clean)) <= epsilon * (1 + 1e-5)

    # Each stage starts at the projected best of the one before.
    def order(images):
        outputs = Outputs(model(images), problem)
        return -float(torch.minimum(*outputs.shares())), float(SEA["masked"](outputs))

    best = min(shown[:7], key=order)
    middle = replace(ball, radius=1.5 * ball.radius)
    torch.testing.assert_close(
        middle.project(best - problem.clean), shown[7] - problem.clean, atol=1e-4, rtol=0
    )
    # What lies outside of the budget is no success.
    assert [state.success for state in states[:12]] == [0.0] * 12
    assert [state.step for state in states] == list(range(1, 21))
    assert outcome.steps == 20
    assert states[-1].success > 0


def logits_and_labels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 6, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(0, 3, (2, 6, 5), generator=generator)
    labels[:, 0] = 3
    return logits.requires_grad_(), labels


def outputs_of(logits, labels, targeted, care=None):
    clean = torch.zeros(2, 1, 6, 5, dtype=torch.float64)
    problem = attacks.Problem(lambda x: x, clean, labels, labels, targeted=targeted, care=care)
    return Outputs(logits, problem)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", ["masked", "balanced"])
def test_masked_losses_by_their_formulas(name, targeted, masked):
    logits, labels = logits_and_labels()
    care = torch.rand(2, 6, 5, generator=torch.Generator().manual_seed(1)).round().double()
    outputs = outputs_of(logits, labels, targeted, care if masked else None)
    values = SEA[name](outputs)
    z, predicted = logits.detach().numpy(), logits.argmax(1).numpy()
    for item in range(2):
        counted = care[item].numpy() > 0 if masked else np.ones((6, 5), bool)
        present = np.unique(labels[item].numpy()[counted])
        total = 0.0
        for at in np.argwhere(counted):
            place = (slice(None), *at)
            label = labels[item].numpy()[tuple(at)]
            right = predicted[item][tuple(at)] == label
            loss = np.log(np.exp(z[item][place]).sum()) - z[item][place][label]
            size = int((counted & (labels[item].numpy() == label)).sum())
            weight = 1 / (len(present) * size) if name == "balanced" else 1 / counted.sum()
            total += weight * loss * (right != targeted)
        assert values[item].item() == pytest.approx(total if targeted else -total, rel=1e-6)
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    left = torch.as_tensor(predicted) == labels
    left = ~left if targeted else left
    left &= care > 0 if masked else torch.ones_like(left)
    assert torch.equal(gradient.abs().sum(1) > 0, left)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_the_cosine_depends_on_neither_length_nor_offset(classes):
    logits = logits_and_labels()[0].detach()[:, :classes]
    labels = logits_and_labels()[1] % classes
    value = LOSSES["cosine"](outputs_of(logits, labels, True))
    shifted = LOSSES["cosine"](outputs_of(logits + 7.0, labels, True))
    torch.testing.assert_close(shifted, value)
    centred = logits - logits.mean(1, keepdim=True) if classes > 2 else logits.softmax(1)
    onehot = torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).double()
    expected = 1 - torch.nn.functional.cosine_similarity(centred, onehot, dim=1).flatten(1).mean(1)
    torch.testing.assert_close(value, expected)
    if classes > 2:
        torch.testing.assert_close(LOSSES["cosine"](outputs_of(9 * logits, labels, True)), value)


def test_a_result_says_who_found_it(tmp_path, band_victim):
    image = tmp_path / "image.png"
    sa.io.save(Scan.from_array(disc_image().round().clip(0, 255).astype(np.uint8)), image)
    scan = sa.read(image)
    example = sa.craft(scan, band_victim, worst(epsilon=8.0), truth=band_victim.predict(scan))
    folder = example.save(tmp_path / "out")
    told = json.loads((folder / "result.json").read_text())["details"]
    (winner,) = told["winner"]
    dice = {name: member["dice"][0] for name, member in told["members"].items()}
    assert dice[winner] == min(dice.values()) < dice["image"] == 1.0
    assert example.measures["dice_with_truth"] == pytest.approx(dice[winner], abs=1e-9)
    assert facts(example)["found by"] == winner
    assert any(winner in note for note in example.notes)
    loaded = sa.load_example(folder)
    assert loaded.record["details"] == told
    page = sa.report(loaded, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "reached by sea-js" in page


@pytest.mark.parametrize(
    "details",
    [
        [],
        {"winner": "margin"},
        {"winner": ["margin"], "members": [1]},
        {"winner": ["margin"], "members": {"margin": {"dice": "none"}}},
        {"winner": ["margin"], "members": {"margin": {"dice": ["a"]}}},
    ],
)
def test_a_damaged_result_is_refused(tmp_path, band_victim, details):
    image = tmp_path / "image.png"
    sa.io.save(Scan.from_array(disc_image().round().clip(0, 255).astype(np.uint8)), image)
    example = sa.craft(sa.read(image), band_victim, attacks.FGSM(epsilon=8.0))
    folder = example.save(tmp_path / "out")
    path = folder / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "details": details}))
    with pytest.raises(SegadvError, match="details"):
        sa.load_example(folder)
