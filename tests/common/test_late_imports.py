import copy
import subprocess
import sys
import textwrap

import pytest

from napari_segadv.common.late_imports import CAN_WAIT, Late, waiting

INSTALLED = "from napari_segadv.common import late_imports; late_imports.install()"


def run(code):
    """Run code in a Python that has imported nothing yet."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_monai_leaves_out_what_it_only_might_need():
    found = run(
        """
        import sys
        from napari_segadv.common import late_imports
        late_imports.install()
        import monai
        from napari_segadv.common.late_imports import CAN_WAIT
        print(*[name for name in (*CAN_WAIT, "scipy.stats") if name in sys.modules])
        """
    )
    # MONAI asks for the version of scikit-image, which imports the first file of each.
    assert set(found.split()) <= {"skimage", "scipy.sparse"}


def test_monai_does_not_look_at_the_fonts():
    """It takes seconds on a machine's first use, and matplotlib says so where errors belong."""
    code = """
        import sys
        {first}
        import monai.utils.jupyter_utils as jupyter
        print("matplotlib.font_manager" in sys.modules)
        assert jupyter.plt.Figure is sys.modules["matplotlib.figure"].Figure
        """
    assert run(code.format(first=INSTALLED)) == "False"
    assert run(code.format(first="")) == "True"


def test_what_waits_is_the_real_thing_when_it_is_used():
    run(
        """
        from napari_segadv.common import late_imports
        late_imports.install()
        import monai.data.utils, monai.data.ultrasound_confidence_map as ultrasound
        import monai.transforms.utils as transforms
        from napari_segadv.common.late_imports import Late
        assert isinstance(monai.data.utils.pd, Late)
        import numpy, pandas, scipy.signal, skimage.morphology
        frame = monai.data.utils.pd.DataFrame({"a": [1]})
        assert type(frame) is pandas.DataFrame
        assert isinstance(frame, monai.data.utils.DataFrame)
        assert not isinstance(1, monai.data.utils.DataFrame)
        wave = numpy.sin(numpy.arange(20.0))
        assert (ultrasound.hilbert(wave) == scipy.signal.hilbert(wave)).all()
        assert transforms.morphology.disk is skimage.morphology.disk
        """
    )


def test_monai_as_a_whole_is_the_same_with_and_without_it():
    code = """
        import sys
        {first}
        import monai
        print(*sorted(name for name in sys.modules if name.startswith("monai")))
        print(monai.utils.module.__spec__.loader.__class__.__name__)
        """
    assert run(code.format(first=INSTALLED)) == run(code.format(first=""))


def theirs(module, version="", version_checker=lambda package, version: False, name=""):
    return "theirs", False


@pytest.mark.parametrize(
    "asked",
    [
        ("numpy",),  # nothing that can wait
        ("scipy.signals",),
        ("scipy.signal", "99.0"),  # too old
        ("nowhere.at.all",),
    ],
)
def test_everything_else_is_asked_of_monai(asked):
    assert waiting(theirs)(*asked) == ("theirs", False)


def test_what_is_imported_already_is_handed_over(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", sys)
    assert waiting(theirs)("pandas") == ("theirs", False)
    monkeypatch.delitem(sys.modules, "pandas")
    found, there = waiting(theirs)("pandas", name="DataFrame")
    assert there
    assert isinstance(found, Late)
    assert "pandas" in CAN_WAIT


def test_a_package_that_is_not_installed_is_missing(monkeypatch):
    monkeypatch.setattr("napari_segadv.common.late_imports.find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    assert waiting(theirs)("pandas") == ("theirs", False)


def test_a_stand_in_can_be_copied():
    stand_in = Late("math", "floor")
    assert copy.copy(stand_in)(2.5) == copy.deepcopy(stand_in)(2.5) == 2
