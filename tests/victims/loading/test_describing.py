"""A description as a form has it, and as a draft that is loaded before it is saved."""

import json

import pytest
import torch
from helpers import ARGUMENTS, DESCRIPTION, small_network

from napari_segadv.errors import NeedsDescription, NeedsTrust, SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.describing import as_json, as_texts, described, fields
from napari_segadv.victims.loading.description import KEYS, beside, drafted

EVERY = {
    "network": "UNet",
    "arguments": ARGUMENTS,
    "task": "segmentation",
    "classes": ["background", "left kidney", "right kidney"],
    "activation": "softmax",
    "output": 1,
    "dims": 3,
    "channels": 1,
    "window": [-160, 240.5],
    "scale": [-1, 1],
    "spacing": [3, 1.5, 1.5],
    "orientation": "SPL",
    "axes": "xyz",
    "roi_size": [64, 96, 96],
    "overlap": 0.5,
    "mode": "constant",
}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(small_network().state_dict(), path)
    return path


def test_texts_and_back():
    assert described(as_texts(EVERY)) == EVERY
    assert json.loads(as_json(EVERY)) == EVERY
    assert set(EVERY) == set(fields()) <= KEYS
    assert described({"window": " [0; 255] ", "output": "logits", "spacing": "", "axes": " "}) == {
        "window": [0, 255],
        "output": "logits",
    }


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("window", "240, -160", "window '240, -160': needs two numbers, the smaller one first"),
        ("window", "nan, 3", "needs numbers"),
        ("window", "lung", "needs numbers"),
        ("spacing", "1.5 mm", "needs numbers"),
        ("roi_size", "96.5, 96, 96", "needs whole numbers"),
        ("channels", "one", "needs a whole number"),
        ("classes", "background,,liver", "needs a name between two commas"),
        ("arguments", "[1, 2]", "needs names with values"),
        ("arguments", "{", "is no JSON"),
        ("overlap", "1, 2", "overlap '1, 2': needs one number"),
        ("spacing", "inf", "needs numbers"),
    ],
)
def test_what_a_field_can_t_take(key, text, said):
    with pytest.raises(SegadvError) as error:
        described({key: text})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_draft_is_loaded_as_if_it_were_saved(weights):
    text = as_json({"network": "UNet", "arguments": ARGUMENTS, **DESCRIPTION})
    with pytest.raises(NeedsDescription, match="needs a description beside it, net.json"):
        load_victim(str(weights))
    with drafted(weights, text):
        draft = load_victim(str(weights))
    assert not beside(weights).exists()
    with pytest.raises(NeedsDescription):
        load_victim(str(weights))
    beside(weights).write_text(text)
    saved = load_victim(str(weights))
    assert (draft.sha256, draft.classes) == (saved.sha256, saved.classes)
    # A draft counts for its own file alone.
    with drafted(weights.with_name("other.pt"), "{}"):
        assert load_victim(str(weights)).classes == saved.classes


def test_what_is_agreed_to_for_a_draft_is_agreed_to_for_the_file(weights):
    class_and_arguments = {"network": "torch.nn.Identity", "arguments": {}}
    text = as_json({**class_and_arguments, **DESCRIPTION})
    with drafted(weights, text), pytest.raises(NeedsTrust) as asked:
        load_victim(str(weights))
    assert asked.value.runs == ("_target_ torch.nn.Identity",)
    beside(weights).write_text(text)
    with pytest.raises(NeedsTrust) as again:
        load_victim(str(weights))
    assert again.value.sha256 == asked.value.sha256
    with drafted(weights, text.replace("Identity", "Flatten")), pytest.raises(NeedsTrust) as other:
        load_victim(str(weights))
    assert other.value.sha256 != asked.value.sha256
