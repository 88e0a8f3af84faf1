"""Whether bfloat16 pays is tried once; what is judged is in float32."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import bands, disc_image
from monai.networks.nets import UNet

import napari_segadv as sa
from napari_segadv.attacks import PGD
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims import precision
from napari_segadv.victims.precision import FEWEST, Reduced, Trial, reduced_for, trial
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import Passes, SlidingWindows

PAYS = Trial(4.0, 1.0)


def unet(dims=2):
    torch.manual_seed(0)
    return UNet(dims, 1, 3, (4, 8, 16), (2, 2), num_res_units=1).eval()


def victim_of(network, dims=2, **more):
    return Victim(network, name="net", dims=dims, classes=("background", "a", "b"), **more)


class Half(torch.nn.Module):
    """Notes the type of what its first layer computes."""

    def __init__(self, dims=2):
        super().__init__()
        self.network, self.types = unet(dims), []

    def forward(self, x):
        y = self.network(x)
        self.types.append(y.dtype)
        return y


@pytest.fixture
def film():
    return Scan.from_array(disc_image())


@pytest.fixture
def clock(monkeypatch):
    """A clock by which a pass in float32 takes so many times as long as one in bfloat16."""

    def set_to(gain):
        times = {False: gain, True: 1.0}
        state = {"now": 0.0, "asked": 0}
        # Float32 and bfloat16 in turn; each pass asks twice.
        order = [False, True]

        def now(_):
            if state["asked"] % 2:
                state["now"] += times[order[state["asked"] // 2 % 2]]
            state["asked"] += 1
            return state["now"]

        monkeypatch.setattr(precision, "_now", now)
        return state

    return set_to


def test_a_trial_compares_times_and_gradients(film, clock):
    clock(3.0)
    found = trial(victim_of(unet()).on(film))
    assert found.gain == pytest.approx(3.0)
    assert 0.9 < found.agreement <= 1.0
    assert found.pays


@pytest.mark.parametrize(
    ("found", "pays"),
    [(Trial(1.25, 0.98), True), (Trial(1.2, 1.0), False), (Trial(4.0, 0.97), False)],
)
def test_what_pays(found, pays):
    assert found.pays == pays


def test_it_is_tried_once_for_a_network(film, clock):
    state = clock(2.0)
    victim = victim_of(unet())
    first = trial(victim.on(film))
    asked = state["asked"]
    assert asked > 0
    assert trial(victim.on(film)) == first
    assert state["asked"] == asked
    trial(victim_of(unet()).on(film))
    assert state["asked"] > asked


def test_what_is_known_of_a_file_outlives_the_process(film, clock, monkeypatch):
    state = clock(2.0)
    known = replace(victim_of(unet()), sha256="a" * 64)
    first = trial(known.on(film))
    monkeypatch.setattr(precision, "_TRIED", type(precision._TRIED)())
    asked = state["asked"]
    again = replace(victim_of(unet()), sha256="a" * 64)
    assert trial(again.on(film)) == first
    assert state["asked"] == asked
    other = replace(victim_of(unet()), sha256="b" * 64)
    trial(other.on(film))
    assert state["asked"] > asked
    # Elsewhere, on another processor, it is tried again.
    monkeypatch.setattr(precision, "describe_processor", lambda device: "another")
    asked = state["asked"]
    trial(again.on(film))
    assert state["asked"] > asked


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', "{"])
def test_a_spoilt_memory_is_no_error(film, clock, text):
    clock(2.0)
    store = precision._store()
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(text)
    known = replace(victim_of(unet()), sha256="c" * 64)
    assert trial(known.on(film)).gain == pytest.approx(2.0)
    assert len(json.loads(store.read_text())) >= 1


def test_a_network_that_does_not_run_in_bfloat16_stays_in_float32(film, monkeypatch):
    class Strict(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = bands()

        def forward(self, x):
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError("float32 only")
            return self.network(x)

    model = victim_of(Strict()).on(film)
    assert trial(model) == Trial(0.0, 0.0)
    monkeypatch.delenv(precision.VARIABLE)
    assert reduced_for("auto", [model], Passes, 40) is None
    assert model.reduced is None


def test_a_trial_leaves_the_victim_as_it_was(film, clock):
    clock(2.0)
    model = victim_of(unet()).on(film)
    passes = model.passes
    trial(model)
    assert model.passes is passes
    assert passes.forward == 0
    assert model.reduced is None


@pytest.mark.parametrize(
    ("asked", "variable", "steps", "found", "on"),
    [
        ("float32", None, 40, PAYS, False),
        ("bfloat16", None, 40, Trial(0.5, 0.5), True),
        ("auto", None, 40, PAYS, True),
        ("auto", None, 40, Trial(1.0, 1.0), False),
        ("auto", None, FEWEST - 1, PAYS, False),
        ("auto", None, None, PAYS, True),
        ("bfloat16", None, FEWEST - 1, PAYS, True),
        ("auto", "float32", 40, PAYS, False),
        ("auto", "bfloat16", 40, Trial(0.5, 0.5), True),
        ("bfloat16", "float32", 40, PAYS, True),
    ],
)
def test_which_precision_it_is(film, monkeypatch, asked, variable, steps, found, on):
    monkeypatch.delenv(precision.VARIABLE)
    if variable:
        monkeypatch.setenv(precision.VARIABLE, variable)
    monkeypatch.setattr(precision, "trial", lambda model: found)
    model = victim_of(unet()).on(film)
    switch = reduced_for(asked, [model], Passes, steps)
    assert (switch is not None) == on
    assert model.reduced is switch


def test_all_networks_of_an_attack_must_gain(film, monkeypatch):
    monkeypatch.delenv(precision.VARIABLE)
    models = [victim_of(unet()).on(film) for _ in range(2)]
    trials = {id(models[0]): PAYS, id(models[1]): Trial(1.0, 1.0)}
    monkeypatch.setattr(precision, "trial", lambda model: trials[id(model)])
    assert reduced_for("auto", models, Passes, 40) is None


def test_an_unknown_precision_is_refused(film):
    with pytest.raises(SegadvError, match=r"precision float16: unknown; use one of auto, float32"):
        reduced_for("float16", [victim_of(unet()).on(film)], Passes, 40)


def test_passes_are_counted_while_it_is_on():
    passes = Passes()
    switch = Reduced(lambda: passes)
    passes.forward += 1
    switch.on = True
    passes.forward, passes.backward = passes.forward + 2, 1
    switch.on = False
    passes.forward += 4
    switch.on = True
    passes.forward += 8
    switch.on = False
    assert (switch.forward, switch.backward) == (10, 1)


def test_a_gap_is_told():
    switch = Reduced()
    switch.compare(torch.tensor([0.95]), torch.tensor([0.94]))
    assert switch.notes == ()
    switch.compare(torch.tensor([0.95, 0.99]), torch.tensor([0.96, 0.9]))
    (note,) = switch.notes
    assert "9" in note


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("windows", [False, True])
def test_craft_judges_in_float32_what_it_made_in_bfloat16(dims, windows):
    network = Half(dims)
    image = disc_image() if dims == 2 else np.stack([disc_image(seed=n) for n in range(16)])
    spec = SlidingWindows((16,) * dims, 1, (0.25,)) if windows else None
    victim = victim_of(network, dims, windows=spec)
    scan = Scan.from_array(image[..., :32, :48])
    before = victim.predict(scan)
    wanted = before.named(before.classes)
    array = before.array.copy()
    array[..., :10, :10] = 1
    wanted = replace(before, array=array)
    network.types.clear()
    settings = {"epsilon": 6.0, "steps": 10, "goal": None}
    example = sa.craft(scan, victim, PGD(**settings), target=wanted, precision="bfloat16")
    assert {torch.float32, torch.bfloat16} == set(network.types)
    # Last comes what is measured, before it the last steps.
    ends = network.types[-3:]
    assert ends == [torch.float32] * 3
    record = example.record
    assert record["precision"] == "bfloat16"
    passes = record["passes"]
    assert passes["backward_bfloat16"] == 8
    assert passes["backward"] == 10
    assert passes["forward_bfloat16"] == pytest.approx(8, abs=0.01)
    assert passes["forward"] == pytest.approx(12, abs=0.01)
    after = victim.predict(example.adversarial)
    assert np.array_equal(after.array, example.prediction_adversarial.array)
    plain = sa.craft(scan, victim, PGD(**settings), target=wanted, precision="float32")
    assert plain.record["precision"] == "float32"
    assert "forward_bfloat16" not in plain.record["passes"]


def test_it_is_repeated_bit_for_bit_in_its_precision(film, tmp_path, monkeypatch):
    victim = victim_of(unet())
    target = victim.predict(film)
    array = target.array.copy()
    array[:10, :10] = 1
    attack = PGD(epsilon=6.0, steps=12, goal=None)
    wanted = replace(target, array=array)
    folder = sa.craft(film, victim, attack, target=wanted, precision="bfloat16").save(
        tmp_path / "a"
    )
    # What this machine would choose by itself does not matter.
    monkeypatch.setenv(precision.VARIABLE, "float32")
    again = sa.repeat(folder, image=film, victim=victim, inputs={"target": wanted})
    assert again.same
    assert again.example.record["precision"] == "bfloat16"


@pytest.mark.parametrize(("steps", "named"), [(2, "float32"), (4, "bfloat16")])
def test_few_steps_are_in_the_precision_that_was_asked_for(film, steps, named):
    """The last two are in float32, so a run of two steps has none in bfloat16, and says so."""
    attack = PGD(epsilon=6.0, steps=steps, goal=None)
    record = sa.craft(film, victim_of(unet()), attack, precision="bfloat16").record
    assert record["precision"] == named
    assert (record["passes"].get("backward_bfloat16", 0) > 0) == (named == "bfloat16")


def test_a_surrogate_is_in_bfloat16_and_the_victim_in_float32(film):
    surrogates = [victim_of(Half()), victim_of(Half())]
    judged = Half()
    victim = victim_of(judged)
    target = victim.predict(film)
    array = target.array.copy()
    array[:10, :10] = 1
    sa.craft(
        film,
        victim,
        PGD(epsilon=6.0, steps=12, goal=None),
        target=replace(target, array=array),
        surrogate=surrogates,
        precision="bfloat16",
    )
    assert set(judged.types) == {torch.float32}
    for one in surrogates:
        assert torch.bfloat16 in one.network.types
