"""Numbers and names as text, and tables in which no spreadsheet finds a formula."""

import csv
import math

import pytest

from napari_segadv.common.wording import cell, counted, in_percent, percent, share, with_units
from napari_segadv.measures.reading_test import (
    ALONE,
    ALTERED,
    PAIR,
    Reading,
    save,
    summary_csv,
    trials_csv,
)
from napari_segadv.results.tables import as_csv
from napari_segadv.results.verdicts import (
    Verdict,
    verdicts_from_json,
    verdicts_to_csv,
    verdicts_to_json,
)

FORMULAS = ("=1+1", "+1+cmd|'/C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1")
HARMLESS = ("pgd 1", "a=b", "näht", "'quoted", " =1", "1-2", "", "ε 4")


@pytest.mark.parametrize(
    ("number", "units", "words"),
    [
        ("20", "HU", "20 HU"),
        ("1", "HU", "1 HU"),
        ("1", "grey level", "1 grey level"),
        ("5", "grey level", "5 grey levels"),
        ("0", "grey level", "0 grey levels"),
        ("0.5", "grey level", "0.5 grey levels"),
        ("1.5", "grey level", "1.5 grey levels"),
    ],
)
def test_a_number_with_its_unit(number, units, words):
    assert with_units(number, units) == words


@pytest.mark.parametrize(("n", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps")])
def test_how_many_there_are(n, words):
    assert counted(n, "step") == words
    assert counted(n, "class") == words.replace("steps", "classes").replace("step", "class")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0.99, "0.990"),
        (0.9996, "0.999"),
        (0.99999, "0.999"),
        # 0.29 times 1000 is 289.99999999999994 in floating point.
        (0.29, "0.290"),
        (0.001, "0.001"),
        (0.0009, "0.000"),
        (-0.25, "-0.250"),
    ],
)
def test_a_share_is_rounded_down(value, words):
    assert share(value) == words


def test_a_share_of_other_digits():
    assert [share(0.98769, digits) for digits in (1, 2, 4)] == ["0.9", "0.98", "0.9876"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0.0 %"), (1.0, "100.0 %"), (0.99, "99.0 %"), (0.98999, "98.9 %"), (0.9999, "99.9 %")],
)
def test_a_percentage_is_rounded_down(value, words):
    assert percent(value) == words


def test_what_is_shown_is_never_better_than_it_is_and_hardly_worse():
    for n in range(1001):
        value = math.sqrt(n / 1000)
        assert -1e-9 <= value - float(share(value)) < 1e-3
        assert -1e-9 <= value - float(percent(value).removesuffix(" %")) / 100 < 1e-3


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_what_a_spreadsheet_takes_for_a_formula_becomes_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_as_they_are(text):
    assert cell(text) == text


def lines_of(text):
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", FORMULAS[:4])
def test_names_in_the_table_of_a_reading_test(name, tmp_path):
    reading = Reading([name, "pgd 1"], ALONE, 0)
    for _ in reading.trials:
        reading.answer(ALTERED, 1.5)
    runs = {line["run"] for line in lines_of(trials_csv(reading))}
    assert runs == {f"'{name}", "pgd 1"}
    trials, _ = save(reading, tmp_path / "me.csv")
    assert {line["run"] for line in lines_of(trials.read_text(encoding="utf-8"))} == runs


def test_negative_numbers_of_a_reading_test_stay_numbers():
    reading = Reading(["pgd 1", "pgd 2", "pgd 3"], PAIR, 0)
    for trial in reading.trials:
        reading.answer("left" if trial.shown == "right" else "right", 1.0)
    (line,) = lines_of(summary_csv(reading))
    assert reading.score.d_prime < 0
    assert float(line["d_prime"]) == pytest.approx(reading.score.d_prime, abs=1e-4)
    assert line["d_prime"].startswith("-")


@pytest.mark.parametrize("text", FORMULAS[:4])
def test_names_and_notes_in_the_table_of_verdicts(text):
    verdicts = {0: Verdict("obvious", text), 3: Verdict("", "edge")}
    rows = lines_of(verdicts_to_csv(text, verdicts, {"mean noise (HU)": [-1.5, 0, 0, 2]}))
    assert [row["run"] for row in rows] == [f"'{text}"] * 2
    assert [row["note"] for row in rows] == [f"'{text}", "edge"]
    assert [row["mean noise (HU)"] for row in rows] == ["-1.5", "2"]
    # JSON, which only this program reads, needs no quotes.
    assert verdicts_from_json(verdicts_to_json(verdicts)) == verdicts


@pytest.mark.parametrize("text", FORMULAS[:4])
def test_names_in_the_table_of_comparisons(text):
    rows = [("", text, "pgd 1"), ("image", f"{text}.png", "a.png"), ("PSNR (dB)", "-3.2", "41")]
    first, second, third = csv.reader(as_csv(rows).splitlines())
    assert first == ["", f"'{text}", "pgd 1"]
    assert second == ["image", f"'{text}.png", "a.png"]
    assert third == ["PSNR (dB)", "-3.2", "41"]


@pytest.mark.parametrize("number", ["-3.2", "-1", "-1e-05", "7"])
def test_numbers_in_the_table_of_comparisons_stay_numbers(number):
    ((title, value),) = csv.reader(as_csv([("seed", number)]).splitlines())
    assert float(value) == float(number)


@pytest.mark.parametrize(
    ("value", "digits", "words"), [(0.666, 0, "67 %"), (0.0625, 2, "6.25 %"), (1.0, 0, "100 %")]
)
def test_a_share_that_is_no_goal_is_rounded_to_the_nearest(value, digits, words):
    assert in_percent(value, digits) == words
