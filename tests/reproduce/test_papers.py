"""The papers' tables: like stands beside like, and the published figures are the papers' own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from detectors import square_victim, squares
from helpers import band_victim_of, bands, disc_image, disc_labels, finish, mask_on

from napari_segadv.attacks.losses import Outputs
from napari_segadv.attacks.problem import Problem
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.grade import Grade
from napari_segadv.data.scan import Scan
from napari_segadv.io.cases import Case
from napari_segadv.measures.labels import Overlap
from napari_segadv.reproduce import bortsova, bortsova_table
from napari_segadv.reproduce.bench import Bench, spread
from napari_segadv.reproduce.bortsova import PaperPGD, Setting, soft_iou_of
from napari_segadv.reproduce.making import asma as asma_cells
from napari_segadv.reproduce.making import smia as smia_cells
from napari_segadv.reproduce.papers import asma, heart, resize, smia
from napari_segadv.reproduce.real_scan import RealScan
from napari_segadv.samples import phantom
from napari_segadv.victims import load_victim

# Typed from the papers: table, attack, what is measured, and the figures from epsilon 0.01 on.
BORTSOVA = """
1 white untargeted          all, truth      30.5  0.8  0.1  0    0
1 black untargeted          all, truth      87.4 84.2 74.7 45.5 12.7
2 white small               heart, target   88.0 96.9 97.8 98.4 98.6
2 white large               heart, target   66.7 83.2 95.2 98.7 99.1
2 black small               heart, target   34.3 35.3 36.8 41.2 28.9
2 black large               heart, target   43.3 43.2 43.4 38.9 13.1
2 white small               heart, truth    38.4 34.8 34.4 34.6 34.4
2 white large               heart, truth    62.5 50.1 43.7 42.0 41.8
2 black small               heart, truth    85.5 85.1 84.0 73.4 22.0
2 black large               heart, truth    85.8 85.2 84.8 77.8 26.0
3 white large               others, target  86.7 95.2 99.4 99.6 99.6
"""
RESIZED = """
heart           97.5 98.3 98.8 99.4 99.1 97.1 95.1
left clavicle   90.8 93.8 98.6 98.9 98.0 95.1 88.8
right clavicle  92.2 95.4 98.8 99.1 97.7 94.5 88.1
left lung       91.9 93.0 95.7 95.4 89.9 83.5 78.3
right lung      95.5 97.1 97.9 96.3 91.7 87.1 83.4
"""
# Attack, alpha, epsilon, and the two figures.
QI = """
segmentation    PGD  0    0.05    69.40 83.69
segmentation    DAG  0    0.05    68.96 90.87
segmentation    SMIA 0    0.05    69.16 83.66
segmentation    SMIA 1    0.05    60.82 79.18
classification  SMIA 0    0.00005 69.35
classification  SMIA 1    0.00005 57.37
detection       PGD  0    0.005   11.49 22.89
detection       PGD  0    0.01     6.48 16.36
detection       PGD  0    0.015    3.49 10.73
detection       DAG  0    0.005   11.28 14.94
detection       DAG  0    0.01     7.62  2.71
detection       DAG  0    0.015    2.86  1.44
detection       SMIA 1    0.005   11.34 15.92
detection       SMIA 0    0.005   12.03 26.65
detection       SMIA 0    0.01     6.82 17.28
detection       SMIA 0    0.015    5.27 13.52
detection       SMIA 0.75 0.01     5.94 12.18
detection       SMIA 1    0.01     4.80  3.47
detection       SMIA 1.25 0.01     4.93  4.05
detection       SMIA 1    0.015    1.18  3.25
"""


@pytest.fixture
def case():
    scan = Scan.from_array(disc_image())
    return Case(scan, mask_on(scan, disc_labels()))


@pytest.fixture
def bench(band_victim, case):
    return Bench(band_victim, [case], device="cpu", quick=True)


def lines_of(text):
    return [line.split() for line in text.strip().splitlines()]


def test_the_figures_of_bortsova_are_those_of_the_paper():
    typed = {"white": {}, "black": {}}
    for _, box, aim, first, second, *values in lines_of(BORTSOVA):
        aim = bortsova.UNTARGETED if aim == "untargeted" else aim
        typed[box][f"{first} {second}", aim] = tuple(map(float, values))
    for box, published in (("white", bortsova_table.WHITE), ("black", bortsova_table.BLACK)):
        assert {key: values[1:] for key, values in published.items()} == typed[box]
        clean = {"all, truth": 90.3, "heart, truth": 87.3}
        assert all(v[0] == clean.get(name) for (name, _), v in published.items())
    assert bortsova.EPSILONS == (0.01, 0.02, 0.04, 0.08, 0.16)


def test_the_figures_of_resizing_are_those_of_the_paper():
    typed = {" ".join(line[:-7]): tuple(map(float, line[-7:])) for line in lines_of(RESIZED)}
    assert typed == resize.PAPER
    assert resize.FACTORS == (0.4, 0.6, 0.8, 1.2, 1.4, 1.6, 1.8)


def test_the_figures_of_the_other_papers_are_theirs():
    typed = {task: {} for task in smia.KINDS}
    for task, attack, alpha, epsilon, *values in lines_of(QI):
        typed[task][attack, float(alpha), float(epsilon)] = tuple(map(float, values))
    assert {task: dict(kind.paper) for task, kind in smia.KINDS.items()} == typed
    assert smia.KINDS["segmentation"].clean == (87.82, 93.57)
    assert smia.KINDS["detection"].clean == (22.86, 43.36)
    assert smia.KINDS["classification"].clean == (81.82,)
    assert list(asma.PAPER.values()) == [
        ("97 +- 2", "99", "2.47 +- 1.05", "0.17 +- 0.09"),
        ("89 +- 10", "98", "3.88", "0.16"),
    ]


def test_the_rows_measure_what_the_paper_measures(bench, case):
    """The heart alone beside the paper's heart, and the mean of the others beside that."""
    target = bortsova.target_of(case, "small")
    labels = target.array.copy()
    labels[target.array == 2] = 0
    labels[20:28, 50:54] = 2
    found = bortsova.figures(labels, target, case)
    assert found["heart, target"] == 1.0
    both, either = (labels == 2) & (target.array == 2), (labels == 2) | (target.array == 2)
    assert found["others, target"] == both.sum() / either.sum()
    heart_now, heart_then = labels == 1, case.mask.array == 1
    assert found["heart, truth"] == (heart_now & heart_then).sum() / (heart_now | heart_then).sum()
    rows = bortsova_table.rows(
        bench,
        {Setting("small", 0.0): [{}], Setting("small", 0.02): [found]},
        heart.MEASURED,
        bortsova_table.WHITE,
    )
    told = {row[1]: row[4:6] for row in rows if row[2] == 0.02}
    assert told == {
        "heart with its target": (96.9, 100.0),
        "heart with the truth": (34.8, 100 * found["heart, truth"]),
        "other structures with the truth": ("", 100 * found["others, truth"]),
        "other structures with the target": ("98.9 or more", 100 * found["others, target"]),
    }


def test_a_published_curve_has_the_same_label_as_ours(bench):
    cells = [{"heart, target": 0.5, "heart, truth": 0.25, "others, target": 0.75}]
    found = {Setting(size, e): cells for size in ("small", "large") for e in (0.0, 0.01, 0.16)}
    drawn = bortsova_table.curves(found, heart.IN_PAPER, bortsova_table.WHITE)
    ours = {curve.label for curve in drawn if not curve.published}
    theirs = {curve.label.removeprefix("paper, ") for curve in drawn if curve.published}
    # Of small hearts, table 3 says only that it is 98.9 or more.
    assert ours - theirs == {"small, other structures with the target"}
    assert theirs < ours
    (curve,) = [c for c in drawn if c.label == "paper, large, heart with its target"]
    assert (curve.x, curve.y) == ([0.01, 0.16], [66.7, 99.1])


def test_each_structure_and_factor_has_the_papers_own_figure(case, tmp_path):
    victim = band_victim_of(("background", "heart", "left lung"))
    bench = Bench(victim, [case], device="cpu", quick=True)
    report, _ = finish(resize.run(bench))
    assert [row[:3] for row in report.rows] == [
        ("heart", 0.4, 97.5),
        ("heart", 1.8, 95.1),
        ("left lung", 0.4, 91.9),
        ("left lung", 1.8, 78.3),
    ]
    published = [curve for curve in report.curves if curve.published]
    assert [(c.label, list(c.y)) for c in published] == [
        ("paper, heart", [97.5, 95.1]),
        ("paper, left lung", [91.9, 78.3]),
    ]


def test_real_numbers_keep_bounds_and_presentation_of_the_file(case):
    real = RealScan.of(case.scan)
    assert real.array.dtype == np.float32
    assert np.array_equal(real.array, case.scan.array)
    assert real.bounds == (0.0, 255.0)
    assert real.shown == case.scan.shown
    assert real.name == case.scan.name
    assert replace(real, array=real.array + 0.5).bounds == real.bounds


@pytest.mark.parametrize("name", ["chest-xray", "fundus"])
def test_a_victim_sees_real_numbers_as_it_sees_the_file(name):
    victim = load_victim(f"demo:{name}")
    scan, truth = phantom(name, 30_000)
    bench = Bench(victim, [Case(scan, truth)], device="cpu")
    seen = bench.predict(RealScan.of(scan))
    assert np.array_equal(seen.array, bench.predict(scan).array)


def test_dim_bytes_and_their_real_numbers_are_presented_alike(band_victim):
    """An image of few grey levels is shown as it is if it is of bytes, not if it is of floats."""
    array = np.clip(disc_image() // 60, 0, 255).astype(np.uint8)
    scan = Scan.from_array(array)
    floats = Scan.from_array(array.astype(np.float32))
    bench = Bench(band_victim, [Case(scan, mask_on(scan, disc_labels()))], device="cpu")
    assert band_victim.on(floats).presented is not None
    assert bench.on(scan, scan).presented is None
    assert bench.on(RealScan.of(scan), RealScan.of(scan)).presented is None
    truth = mask_on(scan, disc_labels())
    example, _ = finish(
        bench.attack(RealScan.of(scan), PaperPGD(epsilon=2.0, steps=2), truth=truth)
    )
    assert "presentation" not in example.record


def test_a_real_number_budget_is_used_and_rounding_stays_inside_it(bench, case):
    epsilon = 2.55
    attack = PaperPGD(epsilon=epsilon, steps=40)
    example, _ = finish(bench.attack(RealScan.of(case.scan), attack, truth=case.mask))
    assert example.adversarial.array.dtype == np.float32
    assert example.measures["linf"] == pytest.approx(epsilon, abs=1e-4)
    assert np.unique(example.noise).size > 5
    seen = []
    bench.predict = lambda scan, shown_as: seen.append((scan, shown_as))
    bench.rounded_prediction(example, epsilon)
    ((rounded, source),) = seen
    assert source is case.scan
    assert rounded.array.dtype == np.uint8
    change = rounded.array.astype(int) - case.scan.array
    assert abs(change).max() == 2
    nearest = np.clip(np.rint(example.adversarial.array.astype(float)), 0, 255)
    inside = abs(nearest - case.scan.array) <= 2
    assert np.array_equal(rounded.array[inside], nearest[inside])


def logits_and_problem():
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 6, 7)
    labels = torch.randint(0, 3, (1, 6, 7))
    return Outputs(logits, Problem(lambda x: x, logits[:, :1], labels, 2 - labels))


@pytest.mark.parametrize(("only", "classes"), [(None, (1, 2)), ((1,), (1,))])
def test_the_loss_is_the_papers_without_background(only, classes):
    outputs = logits_and_problem()
    assert outputs.problem.erases  # where the library's own loss counts background
    p = outputs.logits.softmax(1)[0].double()
    values = []
    for n in classes:
        t = (outputs.problem.labels[0] == n).double()
        both = (p[n] * t).sum()
        values.append(1 - both / (p[n].sum() + t.sum() - both))
    expected = float(torch.stack(values).mean())
    assert float(soft_iou_of(outputs, only)) == pytest.approx(expected, abs=1e-4)


def test_the_papers_attack_returns_the_last_image(bench, case):
    problem = bench.problem(RealScan.of(case.scan), target=bortsova.target_of(case, "small"))
    shown = []

    def spy(images):
        shown.append(images.detach().clone())
        return problem.model(images)

    outcome, _ = finish(PaperPGD(epsilon=4.0, steps=6).run(replace(problem, model=spy)))
    assert len(shown) == 7
    assert torch.equal(outcome.adversarial, shown[-1])


@pytest.mark.parametrize("region", ["bounding-box", "receptive-field"])
def test_noise_is_limited_to_the_box_or_the_field_of_the_heart(bench, case, region):
    target = bortsova.target_of(case, "large")
    setting = Setting("large", 0.08, region=region)
    (_, _, example), _ = finish(bortsova.attacked(bench, setting, case, target))
    ys, xs = np.nonzero((case.mask.array == 1) | (target.array == 1))
    # The bands average 3 x 3 pixels.
    grown = 0 if region == "bounding-box" else 1
    box = np.zeros(target.array.shape, bool)
    box[ys.min() - grown : ys.max() + 1 + grown, xs.min() - grown : xs.max() + 1 + grown] = True
    assert np.any(example.noise)
    assert not np.any(example.noise[~box])


def test_the_receptive_field_of_the_chest_victim_is_a_part_of_the_film():
    """It normalises over the whole image, so that every pixel has some influence."""
    case = Case(*phantom("chest-xray", 30_000))
    bench = Bench(load_victim("demo:chest-xray"), [case], device="cpu")
    target = bortsova.target_of(case, "small")
    field = bortsova.region_of(bench, "receptive-field", case, target)
    assert 0.02 < field.mean() < 0.5
    heart = (case.mask.array == 1) | (target.array == 1)
    assert field[heart].mean() > 0.9


def test_hearts_differ_from_the_true_one_as_much_as_the_papers():
    """What the paper's attack leaves of the true heart where it succeeds is its target's share."""
    cases = [Case(*phantom("chest-xray", seed)) for seed in (30_000, 30_001, 30_002)]
    for size, left in (("small", 34.4), ("large", 41.8)):
        ious = [Overlap.of(bortsova.target_of(c, size).array, c.mask.array).iou(1) for c in cases]
        assert abs(100 * np.mean(ious) - left) < 2


def test_the_disc_goes_where_it_is_in_the_other_eye():
    victim = band_victim_of(("background", "disc", "cup"))
    scan = Scan.from_array(disc_image())
    clean = mask_on(scan, disc_labels(), ("background", "disc", "cup"))
    bench = Bench(victim, [Case(scan, clean)], device="cpu")
    target = asma_cells.target_of(bench, clean)
    assert np.array_equal(target.array, clean.array[:, ::-1])
    vessels = clean.with_array(np.where(clean.array == 0, 3, clean.array))
    crossed = asma_cells.target_of(bench, vessels).array
    mirrored = vessels.array[:, ::-1]
    assert np.array_equal(crossed == 1, mirrored == 1)
    assert (crossed[(mirrored == 3) & (vessels.array == 3)] == 3).all()
    assert (crossed[(mirrored == 3) & (vessels.array != 3)] == 0).all()


def test_a_spread_is_mean_and_standard_deviation():
    assert spread([1.0, 3.0]) == "2 +- 1.4"
    assert spread([0.5]) == "0.5 +- 0"


@pytest.mark.parametrize(("budget", "linf"), [(smia.GROWING, 5 * 0.01), (smia.WHOLE, 0.01)])
@pytest.mark.parametrize("name", ["PGD", "SMIA"])
def test_a_growing_budget_adds_an_epsilon_a_step(bench, case, budget, linf, name):
    setting = smia.Setting(name, 1.0, 0.01, budget)
    cell, _ = finish(smia.cell(bench)(setting, case))
    if (name, budget) == ("PGD", smia.GROWING):
        # It starts at a random point within one epsilon.
        assert linf < cell["5"]["linf"] < linf + 0.01
    else:
        assert cell["5"]["linf"] == pytest.approx(linf, rel=1e-3)


@pytest.mark.parametrize("budget", [smia.GROWING, smia.WHOLE])
def test_pgd_is_another_attack_than_smia_without_its_loss(bench, case, budget):
    cells = [
        finish(smia.cell(bench)(smia.Setting(name, 0.0, 0.05, budget), case))[0]
        for name in ("PGD", "SMIA")
    ]
    assert cells[0]["5"]["deviation"] != cells[1]["5"]["deviation"]


def test_a_run_whose_budget_grows_holds_all_shorter_ones(band_victim, case):
    """So a run of its own would only be made twice."""
    bench = Bench(band_victim, [case], device="cpu")
    long, short = (
        finish(smia.cell(bench)(smia.Setting("SMIA", 1.0, 0.01, smia.GROWING, steps), case))[0]
        for steps in (smia_cells.MOST_STEPS, smia_cells.STEPS)
    )
    assert sorted(map(int, long)) == [1, 5, 10, 15, 20, 25]
    assert long["10"] == short["10"]


def test_what_is_beside_the_papers_accuracy_and_jaccard(case):
    truth = np.array([[0, 0, 1, 1], [0, 0, 2, 2]])
    labels = np.array([[0, 1, 1, 1], [0, 0, 2, 0]])
    assert smia_cells.share_found(labels, truth) == 3 / 4
    assert smia_cells.share_found(labels, np.zeros_like(truth)) == 1.0


MORE, LESS, SAME = [1.0 + n for n in range(20)], [-1.0 - n for n in range(20)], [1.0, -1.0] * 10


@pytest.mark.parametrize(
    ("drops", "falls", "expected"),
    [
        (MORE, MORE, "confirmed"),
        (MORE, LESS, "refuted"),
        (LESS, MORE, "refuted"),
        (MORE, SAME, "open, since a p is not below 0.05"),
        (SAME, MORE, "open, since a p is not below 0.05"),
        (SAME, LESS, "refuted"),
        (MORE[:5], MORE[:5], "open, since there are fewer than 6 cases"),
    ],
)
def test_a_claim_is_confirmed_or_refuted_by_cases_that_are_enough(drops, falls, expected):
    assert smia.verdict(drops, falls) == expected


def test_each_row_of_smia_is_another_run(band_victim, case, monkeypatch):
    bench = Bench(band_victim, [case], device="cpu")
    kind = replace(smia.KINDS["segmentation"], epsilons=(0.05,), mains=(0.05,))
    monkeypatch.setitem(smia.KINDS, "segmentation", kind)
    report, _ = finish(smia.run(bench))
    rows = [row[:4] for row in report.rows]
    assert len(set(rows)) == len(rows)
    steps = {row[3] for row in rows if row[:2] == ("SMIA, alpha 1", smia.WHOLE)}
    assert steps == {1, 5, 10, 15, 20, 25}
    linf = report.columns.index("final Linf, share of the window")
    whole = [row[linf] for row in report.rows if row[1] == smia.WHOLE and row[0] != "DAG"]
    # A run of fewer steps has longer ones.
    assert whole == pytest.approx([0.05] * len(whole), rel=1e-3)


def test_the_file_of_an_image_changes_no_pixel_more_than_the_image_does(bench, case):
    problem = bench.problem(RealScan.of(case.scan), truth=case.mask)
    noise = torch.linspace(-2.6, 2.6, problem.clean.numel()).view_as(problem.clean)
    file = bench.as_file(case.scan, problem.clean + noise)
    assert file.array.dtype == case.scan.array.dtype
    change = file.array.astype(int) - case.scan.array.astype(int)
    assert np.abs(change).max() == 2


def test_the_papers_figures_stand_in_rows_of_its_own_budget_alone(bench, monkeypatch):
    report, _ = finish(smia.run(bench))
    # After fewer steps than the paper's, no figure of the paper is beside them.
    assert [row[0] for row in report.rows if row[4] != ""] == ["clean"]
    monkeypatch.setattr(smia, "STEPS", 5)
    report, _ = finish(smia.run(bench))
    filled = {row[:4]: row[4:6] for row in report.rows if row[4] != ""}
    assert filled == {
        ("clean", "", 0.0, 0): (87.82, 93.57),
        ("PGD", smia.GROWING, 0.05, 5): (69.40, 83.69),
        ("DAG", smia.GROWING, 0.05, 5): (68.96, 90.87),
        ("SMIA, alpha 0", smia.GROWING, 0.05, 5): (69.16, 83.66),
        ("SMIA, alpha 1", smia.GROWING, 0.05, 5): (60.82, 79.18),
    }


def test_detectors_are_measured_by_iou_and_mean_average_precision(monkeypatch):
    monkeypatch.setattr(smia, "STEPS", 5)
    scan = squares(bright=[(1, 1)], dark=[(2, 4)])
    truth = Boxes.of(
        [[8, 8, 16, 16], [16, 32, 24, 40]], [1, 2], scan.grid, ("background", "bright", "dark")
    )
    bench = Bench(square_victim(), [Case(scan, truth)], device="cpu", quick=True)
    report, _ = finish(smia.run(bench))
    assert report.columns[4:8] == (
        *("paper, IoU x 100", "paper, mAP x 100"),
        *("ours, IoU x 100", "ours, mAP x 100"),
    )
    assert report.rows[0][4:8] == (22.86, 43.36, pytest.approx(100), pytest.approx(100))
    strongest = [row for row in report.rows if row[:3] == ("PGD", smia.GROWING, 0.015)]
    assert strongest[0][4:6] == (3.49, 10.73)
    assert strongest[0][6] <= 100


def test_half_of_a_box_is_half_an_iou():
    scan = squares()
    names = ("background", "bright", "dark")
    truth = Boxes.of([[0, 0, 8, 8]], [1], scan.grid, names)
    half, other = [[0, 0, 4, 8]], Boxes.of([[0, 0, 8, 8]], [2], scan.grid, names)
    assert smia_cells.best_overlap(Boxes.of(half, [1], scan.grid, names), truth) == 0.5
    assert smia_cells.best_overlap(other, truth) == 0.0
    assert smia_cells.best_overlap(Boxes.of([], [], scan.grid, names), truth) == 0.0


def test_classifiers_are_measured_by_accuracy(band_victim):
    scan = Scan.from_array(disc_image())
    network = torch.nn.Sequential(bands(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    victim = replace(band_victim, network=network.eval(), task="classification")
    right = Grade(victim.predict(scan).label, victim.classes)
    bench = Bench(victim, [Case(scan, right)], device="cpu", quick=True)
    report, _ = finish(smia.run(bench))
    assert "DAG" not in {row[0] for row in report.rows}
    assert report.columns[4:6] == ("paper, accuracy x 100", "ours, accuracy x 100")
    assert report.rows[0][4:6] == (81.82, 100.0)
