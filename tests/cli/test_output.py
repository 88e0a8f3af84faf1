"""What the command line says about itself: its version, its help, and what each attack is for."""

import subprocess
import sys
from pathlib import Path

import pytest

import napari_segadv
from napari_segadv.attacks import available


def test_the_version(run):
    assert run("--version") == (0, f"{napari_segadv.__version__}\n", "")


def test_the_version_of_the_installed_command():
    segadv = Path(sys.executable).parent / "segadv"
    done = subprocess.run([segadv, "--version"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{napari_segadv.__version__}\n", "")


def test_the_help_names_the_option_and_a_command_has_none(run):
    status, out, _ = run("--help")
    assert (status, "--version" in out) == (0, True)
    assert "Adversarial examples for medical image segmentation." in out
    status, _, err = run("attacks", "--version")
    assert (status, len(err.splitlines())) == (2, 1)


def test_nothing_at_all_shows_the_help(run):
    _, out, err = run()
    assert "attacks" in out + err


@pytest.mark.parametrize("name", available())
def test_each_attack_with_the_tasks_it_is_for(run, name):
    status, out, _ = run("attacks")
    assert status == 0
    (line,) = [line for line in out.splitlines() if line.startswith(f"{name}  ")]
    attack = available()[name]
    assert line == f"{name}  {attack.title} ({attack.source}; {', '.join(attack.tasks)})"


def test_some_attacks_are_for_several_tasks_and_some_for_one():
    tasks = {attack.tasks for attack in available().values()}
    assert len(tasks) > 1
    assert {"segmentation", "classification", "detection"} <= set().union(*tasks)
