"""segadv report and segadv repeat: what they write, what they say, and their exit status."""

import numpy as np
import pytest
from helpers import disc_image, disc_labels, save_torchscript, small_network
from pages import Page

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.cli.commands.repeat import DIFFERENT
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.results.files import is_result


@pytest.fixture
def result(tmp_path, run, weights_file):
    """The folder of a result, in an empty working directory above it."""
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    io.save_mask(Mask(disc_labels(), Grid.pixels((48, 64))), tmp_path / "t.png")
    status, _, err = run(
        "attack", "x.png", "--victim", weights_file.name, "--target", "t.png", "--out", "result",
        "--set", "steps=3", "--set", "epsilon=12",
    )  # fmt: skip
    assert (status, err) == (0, "")
    return tmp_path / "result"


def test_a_report_beside_the_folder_or_where_it_is_wanted(run, result, tmp_path):
    status, out, err = run("report", "result")
    assert (status, err) == (0, "")
    page = tmp_path / "result-report.html"
    assert out.strip() == str(page)
    Page(page).check_safe()
    # The folder holds a result and nothing else, so it can still be replaced.
    assert is_result(result)
    for option in ("-o", "--out", "--output"):
        assert run("report", "result/result.json", option, f"{option[1]}.html")[0] == 0
        assert (tmp_path / f"{option[1]}.html").read_bytes() == page.read_bytes()
        (tmp_path / f"{option[1]}.html").unlink()


def test_the_name_of_a_report_is_that_of_the_folder_from_wherever_it_is_run(
    run, result, tmp_path, monkeypatch
):
    inside = result / "inside"
    inside.mkdir()
    page = tmp_path / "result-report.html"
    for here, place in ((result, "."), (inside, ".."), (inside, "../result.json")):
        monkeypatch.chdir(here)
        status, out, err = run("report", place)
        assert (status, out.strip(), err) == (0, str(page), ""), place
        page.unlink()
    inside.rmdir()
    assert is_result(result)


def test_the_folders_above_a_report_are_made(run, result, tmp_path):
    assert run("report", "result", "-o", "new/below/r.html")[::2] == (0, "")
    assert Page(tmp_path / "new" / "below" / "r.html").text


def test_a_report_that_is_there_is_replaced_only_if_asked_for(run, result, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    status, out, err = run("report", "result", "-o", "mine.html")
    assert (status, out) == (2, "")
    assert "exists already" in err
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert run("report", "result", "-o", "mine.html", "--overwrite")[0] == 0
    assert "Report of one run" in Page(tmp_path / "mine.html").text


def test_a_report_after_the_image_has_moved(run, result, tmp_path):
    (tmp_path / "x.png").rename(tmp_path / "y.png")
    status, _, err = run("report", "result")
    assert status == 2
    assert "--image" in err
    assert run("report", "result", "--image", "y.png")[0] == 0


def test_repeat_makes_the_same_image(run, result, tmp_path):
    status, out, err = run("repeat", "result")
    assert (status, out.strip(), err) == (0, "result: the same image, bit for bit", "")
    status, out, _ = run("repeat", "result/result.json", "--output", "again")
    assert status == 0
    assert "again: written" in out
    a, b = (sa.load_example(tmp_path / name) for name in ("result", "again"))
    np.testing.assert_array_equal(a.adversarial.array, b.adversarial.array)
    np.testing.assert_array_equal(a.target.array, b.target.array)
    status, _, err = run("repeat", "result", "--out", "again")
    assert status == 2
    assert "exists already" in err
    assert run("repeat", "result", "-o", "again", "--overwrite")[0] == 0


def test_repeat_after_the_image_was_changed(run, result, tmp_path):
    other = disc_image()
    other[3:9, 3:9] += 9
    io.save(Scan.from_array(other), tmp_path / "x.png")
    status, out, err = run("repeat", "result")
    assert (status, err) == (DIFFERENT, "")
    assert DIFFERENT not in (0, 1, 2, 130)
    head, why = out.strip().splitlines()
    assert head.startswith("result: another image: ")
    assert "of 3072 differ, by at most " in head
    assert "the image is another one, or its file has changed" in why


def test_repeat_with_what_has_moved(run, result, tmp_path, weights_file):
    away = tmp_path / "away"
    away.mkdir()
    for name in ("x.png", "t.png", weights_file.name, weights_file.with_suffix(".json").name):
        (tmp_path / name).rename(away / f"moved {name}")
    status, _, err = run("repeat", "result")
    assert status == 2
    assert "x.png: is gone" in err
    given = ("--image", "away/moved x.png", "--victim", f"away/moved {weights_file.name}")
    assert run("repeat", "result", *given)[0] == 0
    assert run("repeat", "result", *given, "--target", "away/moved t.png")[0] == 0


def test_repeat_runs_no_code_without_consent(run, result, tmp_path):
    path = save_torchscript(small_network(), tmp_path)
    attack = ("attack", "x.png", "--victim", "net.ts", "--untargeted", "--out", "code")
    status, _, err = run(*attack, "--set", "steps=2")
    assert status == 2
    (digest,) = [word for word in err.split() if len(word) == 64]
    assert run(*attack, "--set", "steps=2", "--trust", digest)[0] == 0
    status, out, err = run("repeat", "code")
    assert (status, out) == (2, "")
    assert f"--trust {digest}" in err
    assert path.name in err
    assert run("repeat", "code", "--trust", digest)[0] == 0


@pytest.mark.parametrize("command", ["report", "repeat"])
@pytest.mark.parametrize("place", ["nothing", ".", "x.png"])
def test_what_is_no_result_is_one_line(run, result, command, place):
    status, out, err = run(command, place)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert place in err


@pytest.mark.parametrize("command", ["report", "repeat"])
def test_help_with_an_example(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert "Example" in out
    assert "Traceback" not in out
