"""VISTA3D in the zoo's form: what it is asked for, and that it answers as it does with MONAI."""

import json
import warnings

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference
from monai.transforms import reset_ops_id
from zoo import VISTA, metadata
from zoo_itself import parser_of, save_ct, save_zoo

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust, SegadvError
from napari_segadv.victims import load_victim

NAMES = {str(n): f"organ {n}" for n in range(133)} | {"0": "background", "3": "spleen"}


@pytest.fixture
def vista(tmp_path):
    meta = metadata(3, 1, NAMES, num_channels=1)
    return save_zoo(tmp_path, VISTA, meta | {"task": "Multi-organ Segmentation"})


def agreed(path):
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path)
    assert any("vista3d132" in run for run in asked.value.runs)
    return load_victim(path, asked.value.sha256)


def theirs(root, path, numbers):
    """Logits and mask of MONAI's own parts, as the bundle's inferer puts them together."""
    parser = parser_of(root)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        data = parser.get_parsed_content("preprocessing")({"image": str(path)})
        network = parser.get_parsed_content("network_def").eval()
        network.load_state_dict(torch.load(root / "models" / "model.pt"))
        logits = sliding_window_inference(
            data["image"][None],
            roi_size=[32, 32, 32],
            sw_batch_size=1,
            predictor=network,
            overlap=0.3,
            mode="gaussian",
            transpose=True,
            class_vector=torch.tensor(numbers)[:, None],
        )[0]
        # Its evaluator does so, since its postprocessing inverts a copy of the preprocessing.
        data["image"] = reset_ops_id(data["image"])
        data["pred"] = logits.clone()
        data["label_prompt"] = torch.tensor(numbers)
        saved = parser.get_parsed_content("postprocessing")(data)["pred"]
    return logits, torch.as_tensor(saved)[0].numpy().T


# The kidneys stand for both of them.
@pytest.mark.parametrize(("asked", "numbers"), [(None, [3, 14, 5]), (["spleen", 7], [3, 7])])
def test_its_answers_are_monais(asked, numbers, vista, tmp_path):
    scan = sa.read(save_ct(tmp_path))
    path = vista
    if asked is not None:
        path = tmp_path / "asked.json"
        path.write_text(json.dumps({"model": "Zoo", "classes": asked}))
    victim = agreed(path)
    assert victim.classes == ("background", *(NAMES[str(number)] for number in numbers))
    logits, mask = theirs(vista, scan.path, numbers)
    bound = victim.on(scan, present="none")
    with torch.no_grad():
        ours = bound._slid(None)(bound.prepared(bound.image))[0]
    assert not ours[0].any()
    assert float((ours[1:] - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())
    found = victim.predict(scan, present="none").array
    expected = np.zeros_like(found)
    for place, number in enumerate(numbers, start=1):
        expected[mask == number] = place
    structure = (expected > 0) | (found > 0)
    assert structure.any()
    assert (found == expected)[structure].mean() >= 0.999


def test_it_can_be_attacked(vista, tmp_path):
    scan, victim = sa.read(save_ct(tmp_path)), agreed(vista)
    bound = victim.on(scan, present="none")
    image = bound.image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bound(image)[:, 1].sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    assert "the model is asked for spleen (3), organ 14 (14), organ 5 (5)" in bound.seen


WRONG = {
    "an unknown name": (["liver of a fish"], "knows no class liver of a fish"),
    "a number too high": ([133], "knows no class 133"),
    "the background": ([0], "knows no class 0"),
    "a logical value": ([True], "knows no class True"),
    "none": ([], "asked for no class"),
    "no list": ("spleen", '"classes" must be a list'),
}


def test_what_it_can_not_be_asked_for(vista, tmp_path):
    agreed_to = agreed(vista).sha256
    path = tmp_path / "asked.json"
    for classes, message in WRONG.values():
        path.write_text(json.dumps({"model": "Zoo", "classes": classes}))
        with pytest.raises(SegadvError, match=message):
            load_victim(path, agreed_to)
    path.write_text(json.dumps({"model": "Zoo", "points": [[1, 2, 3]]}))
    with pytest.raises(SegadvError, match="takes no clicks"):
        load_victim(path, agreed_to)


def test_the_padding_is_that_of_its_own_inferer(vista):
    (vista / "scripts").mkdir()
    (vista / "scripts" / "inferer.py").write_text('call(padding_mode="replicate")\n')
    assert agreed(vista).windows.padding_mode == "replicate"
