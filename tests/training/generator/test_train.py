"""Training on files: checkpoints, resuming, slices and patches, and the attack with a folder."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import disc_image, finish, volume_victim
from safetensors.torch import load_file, save_file

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.attacks.fields.recipe import Recipe
from napari_segadv.crafting.generator_samples import samples
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.cases import Case
from napari_segadv.reproduce.synthesis_table import table
from napari_segadv.training.generator import load_generator, load_training
from napari_segadv.training.generator.pieces import around, part_of, pieces
from napari_segadv.training.generator.train import train

# The rate is so high that a few steps change something.
SMALL = {"width": 4, "latent": 2, "batch": 2, "epochs": 2, "rate": 0.03}


@pytest.fixture
def scans():
    return [Scan.from_array(disc_image(seed=seed)) for seed in range(4)]


@pytest.fixture
def trained(tmp_path, scans, band_victim):
    folder = tmp_path / "generator"
    finish(train(scans, band_victim, Recipe(**SMALL), folder))
    return folder


def weights(folder):
    return load_generator(folder).network.state_dict()


def test_a_checkpoint_holds_data_alone_and_says_what_it_is(trained, scans, band_victim):
    content = json.loads((trained / "generator.json").read_text())
    assert content["epoch"] == 2
    assert content["recipe"]["xi"] == content["xi"] == 2.0
    assert len(content["history"]) == 2
    about = content["about"]
    assert about["victim"]["path"] == str(band_victim.path)
    assert len(about["images"]) == about["pieces"] == 4
    # Two steps an epoch, each of two images; the clean predictions are not counted.
    assert about["spent"]["forward"] == about["spent"]["backward"] == 8
    kinds = sorted(path.suffix for path in trained.iterdir())
    assert kinds == [".json", ".safetensors", ".safetensors"]
    generator = load_generator(trained)
    assert not generator.network.training
    assert not any(w.requires_grad for w in generator.network.parameters())
    assert generator.about["epoch"] == 2


def test_going_on_gives_the_bits_of_a_training_in_one_go(tmp_path, scans, band_victim, trained):
    part = tmp_path / "part"
    run = train(scans, band_victim, Recipe(**SMALL), part)
    for state in run:
        if getattr(state, "epoch", 0) == 1 and part.exists():
            break
    next(run)  # a step into the second epoch, which is lost
    run.close()
    assert json.loads((part / "generator.json").read_text())["epoch"] == 1
    result, states = finish(train(scans, band_victim, Recipe(epochs=2), part, resume=True))
    assert result["epoch"] == 2
    assert [state.step for state in states[4:]] == [3, 4]
    assert result["about"]["spent"]["forward"] == 8
    first, second = weights(trained), weights(part)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_does_not_fit_is_refused(tmp_path, scans, band_victim, trained):
    recipe = Recipe(**SMALL)
    for given, message in (
        ({"scans": scans}, "exists already; name another folder or add --resume"),
        ({"scans": scans[:3], "resume": True}, "was trained with other images"),
        ({"scans": [], "resume": True}, "no images"),
        ({"scans": scans, "out": tmp_path / "none", "resume": True}, "holds no generator"),
    ):
        call = {"victim": band_victim, "recipe": recipe, "out": trained} | given
        with pytest.raises(SegadvError, match=message):
            finish(train(**call))
    dark = Scan.from_array(np.arange(48 * 64, dtype=np.uint8).reshape(48, 64) % 3)
    with pytest.raises(SegadvError, match="finds no structure"):
        finish(train([dark], band_victim, recipe, tmp_path / "new"))
    narrow = Scan.from_array(disc_image((5, 64)))
    with pytest.raises(SegadvError, match="a side of 5 pixels"):
        finish(train([narrow], band_victim, recipe, tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for place, message in ((tmp_path / "file" / "x", "is a file"), (tmp_path / "link", "broken")):
        with pytest.raises(SegadvError, match=message):
            next(train(scans, band_victim, recipe, place))
    with pytest.raises(SegadvError, match="seed"):
        Recipe(seed=2**70)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(kind="x"), "describes no generator"),
        (lambda c: c["layout"].update(width=10**6), "width must be from 1 to 256"),
        (lambda c: c["layout"].update(levels="4"), "damaged or of another version"),
        (lambda c: c.pop("scale"), "damaged or of another version"),
        (lambda c: c["layout"].update(latent=3), "weights don't fit"),
        (lambda c: c["files"].update(generator="../../x.safetensors"), "no such file"),
        (lambda c: c["files"].pop("generator"), "describes no generator"),
        (lambda c: c["about"].update(pieces=float("nan")), "NaN is not a valid number"),
        (lambda c: c.update(xi=10**400), "not valid JSON"),
        (lambda c: c.update(xi=1e30), "xi must be from 0 to 1000"),
        (lambda c: c.update(displacement=-5), "displacement must be from 0"),
        (lambda c: c.update(epoch=-5), "epoch must be from 1"),
        (lambda c: c["scale"].update(deviation=0), "deviation must be from"),
        (lambda c: c["scale"].update(low=255), "window is empty"),
        (lambda c: c["recipe"].update(batch=0), "damaged or of another version"),
    ],
)
def test_damaged_generators_are_refused_in_one_line(tmp_path, trained, change, message):
    folder = shutil.copytree(trained, tmp_path / "damaged")
    content = json.loads((folder / "generator.json").read_text())
    change(content)
    (folder / "generator.json").write_text(json.dumps(content))
    with pytest.raises(SegadvError, match=message) as caught:
        load_generator(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["about"].pop("spent"), "damaged or of another version"),
        (lambda c: c["about"].update(spent={"forward": "x"}), "damaged or of another version"),
        (lambda c: c.update(history=[[1, 2]]), "damaged or of another version"),
    ],
)
def test_what_only_going_on_needs_is_checked_too(trained, change, message):
    content = json.loads((trained / "generator.json").read_text())
    change(content)
    (trained / "generator.json").write_text(json.dumps(content))
    with pytest.raises(SegadvError, match=f"generator.json: {message}"):
        load_training(trained)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("rmsprop.generator.0.square_avg"),
        lambda t: t.update({"rmsprop.generator.0.square_avg": torch.zeros(7)}),
        lambda t: t["rmsprop.generator.0.square_avg"].fill_(-1),
        lambda t: t["rmsprop.critic.0.square_avg"].fill_(float("nan")),
    ],
)
def test_damaged_averages_are_refused(trained, change):
    file = next(trained.glob("training-*.safetensors"))
    held = load_file(file)
    change(held)
    file.unlink()
    save_file(held, file)
    with pytest.raises(SegadvError, match=f"{file}: damaged or of another version"):
        load_training(trained)


def test_a_generator_that_overflows_warps_nothing(trained, scans, band_victim):
    """PyTorch's gradient of a warp by NaN would crash the process."""
    file = next(trained.glob("generator-*.safetensors"))
    held = {k: v.fill_(3e38) if v.is_floating_point() else v for k, v in load_file(file).items()}
    file.unlink()
    save_file(held, file)
    with pytest.raises(SegadvError, match=f"{trained}: gives NaN"):
        sa.craft(scans[0], band_victim, sa.attacks.Synthesis(generator=str(trained), samples=1))
    with pytest.raises(SegadvError, match=f"{trained}: gives NaN"):
        finish(train(scans, band_victim, Recipe(epochs=3), trained, resume=True))


def test_a_training_that_diverges_says_so_and_writes_nothing(
    tmp_path, scans, band_victim, monkeypatch
):
    place = "napari_segadv.attacks.fields.training.mean_square"
    monkeypatch.setattr(place, lambda field: field.flatten(1).sum(1) * float("nan"))
    with pytest.raises(SegadvError, match="reached NaN or infinity"):
        finish(train(scans, band_victim, Recipe(**SMALL), tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_damaged_weights_are_refused(trained):
    file = next(trained.glob("generator-*.safetensors"))
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(SegadvError, match="damaged or incomplete"):
        load_generator(trained)


def test_the_attack_and_all_its_samples(trained, scans, band_victim):
    attack = sa.attacks.Synthesis(generator=str(trained), samples=3)
    example = sa.craft(scans[0], band_victim, attack, seed=7)
    assert example.record["steps"] == 2
    assert example.record["generator"]["recipe"]["xi"] == 2.0
    assert len(example.record["generator"]["sha256"]) == 64
    assert set(example.fields) == {"displacement", "intensity"}
    drawn = list(samples(scans[0], band_victim, trained, 3, seed=7))
    arrays = [sample.adversarial.array for sample in drawn]
    assert len({array.tobytes() for array in arrays}) == 3
    alone = sa.attacks.Synthesis(generator=str(trained), samples=1)
    second = sa.craft(scans[0], band_victim, alone, seed=8)
    assert np.array_equal(second.adversarial.array, arrays[1])
    bound = next(samples(scans[0], band_victim, trained, 1, epsilon=3.0))
    assert 0 < bound.measures["linf"] <= 3


def test_volumes_by_slices_and_by_patches(tmp_path, ct):
    slicewise = volume_victim(2)
    recipe = Recipe(**SMALL | {"epochs": 1, "pieces": 4})
    found = [p.problem for p in pieces([ct], slicewise, recipe, "cpu") if p is not None]
    assert [tuple(p.clean.shape) for p in found] == [(1, 1, 1, 36, 40)] * 4
    result, _ = finish(train([ct], slicewise, recipe, tmp_path / "slices"))
    assert result["layout"]["dims"] == 2
    attack = sa.attacks.Synthesis(generator=str(tmp_path / "slices"), samples=2)
    example = sa.craft(ct, slicewise, attack)
    assert example.fields["displacement"].shape == (20, 36, 40, 3)
    assert not example.fields["displacement"][..., 0].any()

    whole, cut = (
        volume_victim(3),
        Recipe(**SMALL | {"epochs": 1, "pieces": 3, "patch": (8, 16, 12)}),
    )
    found = [p.problem for p in pieces([ct], whole, cut, "cpu") if p is not None]
    assert {tuple(p.clean.shape) for p in found} == {(1, 1, 8, 16, 12)}
    finish(train([ct], whole, cut, tmp_path / "patches"))
    attack = sa.attacks.Synthesis(generator=str(tmp_path / "patches"), samples=2)
    assert sa.craft(ct, whole, attack).fields["displacement"][..., 0].any()
    with pytest.raises(SegadvError, match="trained on grey 3-D images"):
        sa.craft(Scan.from_array(disc_image()), volume_victim(2), attack)


def test_a_part_lies_where_it_lay(ct):
    box = around(np.array([19, 0, 20]), ct.grid.shape, (8, 16, 12))
    assert box == (slice(12, 20), slice(0, 16), slice(14, 26))
    part = part_of(ct, box)
    assert np.array_equal(part.array, ct.array[box])
    for index in ((0, 0, 0), (7, 15, 11)):
        there = np.add(index, [cut.start for cut in box])
        np.testing.assert_allclose(part.grid.affine @ [*index, 1], ct.grid.affine @ [*there, 1])


def test_from_the_command_line(tmp_path, scans, weights_file, run):
    names = [f"{n}.png" for n in range(2)]
    for name, scan in zip(names, scans, strict=False):
        io.save(scan, tmp_path / name)
    (tmp_path / "images.csv").write_text("\n".join(["image", *names]))
    call = ["synthesis", "train", "images.csv", "--victim", weights_file, "--out", "generator"]
    small = ["--set", "width=4", "--set", "latent=2"]
    status, out, err = run(*call, "--epochs", 1, "--parts", "intensity", *small)
    printed = out + err
    assert (status, "after 1 epoch of 2 images" in printed) == (0, True)
    status, out, err = run(*call, "--epochs", 2, "--resume")
    printed = out + err
    assert (status, "after 2 epochs" in printed) == (0, True)
    for more, message in (([], "exists already"), (["--xi", -1, "--resume"], "xi=-1")):
        status, out, err = run(*call, *more)
        printed = out + err
        assert (status, printed.count("\n"), message in printed) == (2, 1, True)
    attack = ["attack", "0.png", "--victim", weights_file, "--untargeted", "--out", "result"]
    settings = ["--method", "synthesis", "--set", "generator=generator", "--set", "samples=2"]
    assert run(*attack, *settings)[0] == 0
    assert (tmp_path / "result" / "intensity.nii.gz").is_file()
    assert not (tmp_path / "result" / "displacement.nii.gz").exists()


def test_an_interrupt_says_what_is_kept(tmp_path, scans, weights_file, run, monkeypatch):
    io.save(scans[0], tmp_path / "0.png")
    (tmp_path / "images.csv").write_text("image\n0.png\n")

    def stopped(steps, title):
        for _ in range(3):
            next(steps)
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_segadv.cli.commands.synthesis.follow", stopped)
    call = ["synthesis", "train", "images.csv", "--victim", weights_file, "--out", "generator"]
    status, out, err = run(*call, "--set", "width=4")
    printed = out + err
    assert status == 130
    assert "stopped after epoch 2; continue with --resume" in printed


def test_the_table_has_a_row_for_each_setting_and_trains_none_twice(tmp_path, scans, band_victim):
    truth = band_victim.predict(scans[3])
    cases = [Case(scans[3], truth)]
    settings = (("both", 1.0), ("intensity", 2.0))
    call = {"recipe": Recipe(**SMALL), "settings": settings}
    rows, states = finish(table(scans[:3], cases, band_victim, tmp_path / "g", **call))
    assert [(row.parts, row.xi) for row in rows] == list(settings)
    assert 100 < states[-1].step < 200 == states[-1].steps
    assert rows[0].clean == {"dim": 1.0, "bright": 1.0}
    assert set(rows[0].dice) == {"dim", "bright"}
    spread = load_generator(tmp_path / "g" / "both-xi-1").scale.spread
    for row in rows:
        assert 0 < row.change_in_units == pytest.approx(row.change * spread)
        assert (row.forward, row.backward) == (6, 6)
    lost = dict.fromkeys(rows[0].clean, 0.69)
    assert replace(rows[0], dice=lost).succeeded
    assert not replace(rows[0], dice=lost | {"dim": 0.71}).succeeded
    again, states = finish(table(scans[:3], cases, band_victim, tmp_path / "g", **call))
    assert again == rows
    assert not any("cross-entropy" in str(state) for state in states)
