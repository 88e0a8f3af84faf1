"""Folders of transformers, compared with transformers itself."""

import json
import pickle
import shutil
import sys
from functools import partial

import numpy as np
import pytest
import torch
from adapter_networks import (
    CLASSES,
    NAMES,
    Touch,
    check_attack,
    check_gradient,
    check_refused,
    colour,
    edit_json,
    fitted,
    fundus,
    picture,
    with_weights,
    wrong_weights,
    xray,
)
from adapters_itself import library
from PIL import Image
from safetensors.torch import load_file

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.consent import remembered

LABELS = {"num_labels": 3, "id2label": NAMES}
STAGES = ["stage1", "stage2", "stage3", "stage4"]
SMALL = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 24, 32]}
SQUARE = {"height": 64, "width": 64}
VIT = {
    "image_size": 64,
    "patch_size": 16,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 32,
}


def segformer(t):
    given = {**SMALL, "num_attention_heads": [1, 2, 3, 4], "decoder_hidden_size": 16}
    return t.SegformerForSemanticSegmentation(t.SegformerConfig(**given, **LABELS))


def upernet(t):
    swin = t.SwinConfig(
        image_size=64,
        embed_dim=12,
        depths=[1] * 4,
        num_heads=[1, 2, 3, 4],
        window_size=4,
        out_features=STAGES,
    )
    given = {"hidden_size": 16, "auxiliary_channels": 8, "auxiliary_in_channels": 48}
    return t.UperNetForSemanticSegmentation(
        t.UperNetConfig(backbone_config=swin, **given, **LABELS)
    )


def upernet_of_convnext(t):
    backbone = t.ConvNextConfig(**SMALL, out_features=STAGES)
    given = {"hidden_size": 16, "use_auxiliary_head": False}
    return t.UperNetForSemanticSegmentation(
        t.UperNetConfig(backbone_config=backbone, **given, **LABELS)
    )


def beit(t):
    config = t.BeitConfig(
        **VIT,
        out_indices=[0, 1, 2, 3],
        use_relative_position_bias=True,
        use_auxiliary_head=False,
        **LABELS,
    )
    return t.BeitForSemanticSegmentation(config)


def dpt(t):
    config = t.DPTConfig(
        **VIT,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        use_auxiliary_head=False,
        **LABELS,
    )
    return t.DPTForSemanticSegmentation(config)


def mobilevit(t):
    config = t.MobileViTConfig(
        image_size=64,
        hidden_sizes=[12, 16, 24],
        neck_hidden_sizes=[8, 8, 16, 16, 24, 24, 32],
        aspp_out_channels=8,
        atrous_rates=[1, 2, 3],
        num_attention_heads=2,
        **LABELS,
    )
    return t.MobileViTForSemanticSegmentation(config)


def vit(t):
    return t.ViTForImageClassification(t.ViTConfig(**VIT, **LABELS))


def convnext(t):
    return t.ConvNextForImageClassification(t.ConvNextConfig(**SMALL, **LABELS))


# A network, its image processor, and the processor's settings.
SEGMENTING = {
    "segformer": (segformer, "SegformerImageProcessor", {"size": {"height": 96, "width": 128}}),
    "upernet of swin, bicubic": (
        upernet,
        "SegformerImageProcessor",
        {"size": SQUARE, "resample": 3},
    ),
    "upernet of convnext, as it is": (
        upernet_of_convnext,
        "SegformerImageProcessor",
        {"do_resize": False, "image_mean": [0.5] * 3, "image_std": [0.25] * 3},
    ),
    "beit": (beit, "BeitImageProcessor", {"size": SQUARE}),
    "dpt": (dpt, "DPTImageProcessor", {"size": SQUARE}),
    "mobilevit, cropped, BGR": (
        mobilevit,
        "MobileViTImageProcessor",
        {"size": {"shortest_edge": 72}, "crop_size": SQUARE},
    ),
}
CLASSIFYING = {
    "vit": (vit, "ViTImageProcessor", {"size": SQUARE}),
    "convnext, cropped": (convnext, "ConvNextImageProcessor", {"size": {"shortest_edge": 64}}),
    "convnext, stretched": (convnext, "ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
    "vit, cropped": (
        vit,
        "DeiTImageProcessor",
        {"size": {"height": 72, "width": 80}, "crop_size": SQUARE},
    ),
}


def saved(folder, case=("segformer"), network=None):
    """Save a seeded network with its image processor; return the folder, both and transformers."""
    t = library("transformers")
    make, processor, settings = {**SEGMENTING, **CLASSIFYING}[case]
    torch.manual_seed(0)
    network = make(t).eval() if network is None else network
    processor = getattr(t, f"{processor}Pil")(**settings)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder, network, processor


def itself(network, processor, image):
    """What transformers makes of a picture: its label map, and its logits."""
    with torch.no_grad():
        output = network(**processor(image, return_tensors="pt"))
    if output.logits.ndim == 2:
        return output.logits[0].argmax(), output.logits[0]
    size = [image.size[::-1]]
    (mask,) = processor.post_process_semantic_segmentation(output, target_sizes=size)
    return mask.numpy(), output.logits


@pytest.mark.parametrize("case", SEGMENTING)
def test_the_mask_is_that_of_transformers(case, tmp_path):
    root, network, processor = saved(tmp_path / "net", case)
    image = Image.open(fundus()).convert("RGB")
    if "as it is" in case:
        image = image.crop((700, 500, 828, 596))
    elif case != "segformer":
        image = image.crop((700, 400, 1420, 940))
    mask, _ = itself(network, processor, image)
    victim = load_victim(root)
    assert victim.trust == "data"
    assert victim.classes == CLASSES
    assert victim.name == "net"
    scan = sa.Scan.from_array(np.array(image), colour=True)
    assert np.array_equal(victim.predict(scan).array, mask)
    # The way of the gradient does not round, so it may differ where two classes are as likely.
    bound = victim.on(scan)
    with torch.no_grad():
        smooth = bound(bound.image).argmax(1)[0].numpy()
    assert (smooth == mask).mean() > 0.995


@pytest.mark.parametrize("case", CLASSIFYING)
def test_the_class_is_that_of_transformers(case, tmp_path):
    root, network, processor = saved(tmp_path / "net", case)
    image = Image.open(fundus()).convert("RGB")
    label, logits = itself(network, processor, image)
    victim = load_victim(root)
    assert victim.task.name == "classification"
    grade = victim.predict(sa.read(fundus()))
    assert grade.label == label
    assert grade.probabilities == pytest.approx(logits.softmax(0).tolist(), abs=1e-6)


def test_the_processor_of_torchvision_differs_by_rounding(tmp_path):
    """The library computes by torchvision where it is there, and by Pillow elsewhere."""
    root, network, processor = saved(tmp_path / "net")
    library("torchvision")
    other = library("transformers").SegformerImageProcessor.from_pretrained(root)
    image = Image.open(fundus()).convert("RGB")
    ours, theirs = (
        p(image, return_tensors="pt")["pixel_values"]
        * 255
        * torch.tensor(p.image_std)[:, None, None]
        for p in (processor, other)
    )
    assert float((ours - theirs).abs().max()) < 1.001
    mask, _ = itself(network, other, image)
    assert (load_victim(root).predict(sa.read(fundus())).array == mask).mean() > 0.9999


@pytest.mark.parametrize("case", ["segformer", "upernet of swin, bicubic", "dpt"])
def test_the_gradient_is_that_of_finite_differences(case, tmp_path):
    root, *_ = saved(tmp_path / "net", case)
    check_gradient(load_victim(root), colour())


def test_an_attack_on_a_trained_network(tmp_path):
    t = library("transformers")
    torch.manual_seed(0)
    network = segformer(t)

    def outputs(x):
        mean, std = (
            torch.tensor(v)[:, None, None] for v in (processor.image_mean, processor.image_std)
        )
        return torch.nn.functional.interpolate(
            network(pixel_values=(x / 255 - mean) / std).logits, x.shape[2:], mode="bilinear"
        )

    processor = t.SegformerImageProcessorPil(do_resize=False)
    fitted(network, outputs, steps=100)
    root = tmp_path / "net"
    network.save_pretrained(root)
    t.SegformerImageProcessorPil(size={"height": 48, "width": 64}).save_pretrained(root)
    check_attack(load_victim(root))


def test_grey_images_and_windows_are_described_beside_the_folder(tmp_path):
    root, network, processor = saved(tmp_path / "net.v1")
    image = Image.open(xray()).convert("L")
    with pytest.raises(SegadvError, match="needs a colour image"):
        load_victim(root).predict(sa.read(xray()))
    beside = tmp_path / "net.v1.json"
    beside.write_text(json.dumps({"channels": 1, "classes": ["nothing", "lungs", "heart"]}))
    victim = load_victim(root)
    assert victim.classes == ("nothing", "lungs", "heart")
    mask, _ = itself(network, processor, image.convert("RGB"))
    assert np.array_equal(victim.predict(sa.read(xray())).array, mask)
    # A window of a CT becomes bytes, and each slice of a volume is a picture.
    beside.write_text(json.dumps({"channels": 1, "window": [-100, 155]}))
    volume = np.stack([picture(seed=n)[..., 0] for n in range(3)]).astype(np.int16) - 100
    scan = sa.Scan.from_array(volume, spacing=(3.0, 1.0, 1.0), units="HU")
    found = load_victim(root).predict(scan).array
    for z, one in enumerate(volume):
        mask, _ = itself(
            network, processor, Image.fromarray((one + 100).astype(np.uint8)).convert("RGB")
        )
        assert np.array_equal(found[z], mask)
    beside.write_text(json.dumps({"network": "UNet"}))
    with pytest.raises(SegadvError, match="unknown key network"):
        load_victim(root)


def test_without_a_processor_the_json_says_what_the_network_sees(tmp_path):
    root, network, _ = saved(tmp_path / "net")
    (root / "preprocessor_config.json").unlink()
    with pytest.raises(
        SegadvError, match=r"copy preprocessor_config.json into it, or write net.json"
    ):
        load_victim(root)
    described = {"window": [0, 255], "mean": [0.5] * 3, "std": [0.25] * 3, "resize": [96, 128]}
    (tmp_path / "net.json").write_text(json.dumps(described))
    victim = load_victim(root)
    bound = victim.on(colour())
    x = torch.nn.functional.interpolate(bound.image, (96, 128), mode="bilinear", antialias=True)
    with torch.no_grad():
        logits = network(pixel_values=(x / 255 - 0.5) / 0.25).logits
        for size in ((96, 128), (48, 64)):
            logits = torch.nn.functional.interpolate(logits, size, mode="bilinear")
        assert torch.allclose(bound(bound.image), logits, atol=1e-4)


def test_a_file_in_the_folder_names_it_too(tmp_path):
    root, *_ = saved(tmp_path / "net")
    known = load_victim(root)
    for name in ("model.safetensors", "config.json"):
        assert load_victim(root / name).sha256 == known.sha256
    edit_json(root / "preprocessor_config.json", image_mean=[0.4, 0.4, 0.4])
    assert load_victim(root).sha256 != known.sha256
    assert remembered() == {}


def test_weights_of_torch_and_of_half_precision(tmp_path):
    root, network, _ = saved(tmp_path / "net")
    clean = load_victim(root).predict(colour()).array
    weights = load_file(root / "model.safetensors")
    (root / "model.safetensors").unlink()
    torch.save(weights, root / "pytorch_model.bin")
    edit_json(root / "config.json", dtype="float16")
    victim = load_victim(root)
    assert next(victim.network.parameters()).dtype == torch.float32
    assert np.array_equal(victim.predict(colour()).array, clean)


def with_config(root, trace, **changes):
    edit_json(root / "config.json", **changes)


def with_settings(root, trace, **changes):
    edit_json(root / "preprocessor_config.json", **changes)


def with_pickle(root, trace, name):
    (root / "model.safetensors").unlink()
    (root / name).write_bytes(pickle.dumps({"weight": Touch(trace)}))


def with_saved_pickle(root, trace):
    (root / "model.safetensors").unlink()
    torch.save({"weight": Touch(trace)}, root / "pytorch_model.bin")


def with_parts(root, trace):
    (root / "model.safetensors").unlink()
    (root / "model.safetensors.index.json").write_text("{}")


def with_code(root, trace):
    (root / "modeling.py").write_text(f"open({str(trace)!r}, 'w')")
    names = {"AutoModelForSemanticSegmentation": "modeling.Net", "AutoConfig": "modeling.Config"}
    edit_json(root / "config.json", auto_map=names)


FIRST = "decode_head.classifier.weight"
HOSTILE = {
    "code beside it": (with_code, "auto_map"),
    "code of another repository": (
        partial(with_config, auto_map={"AutoModel": "someone/else--m.N"}),
        "auto_map",
    ),
    "a kernel from the hub": (
        partial(with_config, attn_implementation="kernels-community/flash-attn"),
        "attn_implementation",
    ),
    "quantised": (
        partial(with_config, quantization_config={"quant_method": "bitsandbytes"}),
        "quantization_config",
    ),
    "a backbone by its name": (partial(with_config, backbone="microsoft/resnet-50"), "backbone"),
    "a pretrained backbone": (
        partial(
            with_config, backbone_config={"model_type": "swin", "use_pretrained_backbone": True}
        ),
        "use_pretrained_backbone",
    ),
    "a language model": (
        partial(with_config, architectures=["LlamaForCausalLM"], model_type="llama"),
        "is no network of transformers",
    ),
    "a class of another module": (
        partial(with_config, architectures=["os.system"]),
        "is no network of transformers",
    ),
    "another model's type": (partial(with_config, model_type="beit"), "is no network"),
    "one of timm": (
        partial(
            with_config,
            architectures=["TimmWrapperForImageClassification"],
            model_type="timm_wrapper",
        ),
        "is no network",
    ),
    "a type that is a list": (partial(with_config, model_type=["segformer"]), "is no network"),
    "huge numbers": (partial(with_config, hidden_sizes=[8, 16, 24, 1 << 40]), "too large"),
    "large numbers": (partial(with_config, decoder_hidden_size=1 << 18), "would have"),
    "many layers": (partial(with_config, depths=[1 << 18, 1, 1, 1]), "more than 10000 layers"),
    "numbers that are texts": (partial(with_config, decoder_hidden_size="16"), "refuses"),
    "another size": (partial(with_config, decoder_hidden_size=17), "don't fit config.json"),
    "more classes": (
        partial(with_config, id2label={str(n): str(n) for n in range(5)}),
        "don't fit config.json",
    ),
    **wrong_weights(with_weights, FIRST),
    "a weight of another shape": (
        partial(with_weights, change=lambda w: w.update({FIRST: torch.zeros(3, 15, 1, 1)})),
        "1 of another shape",
    ),
    "a pickle as safetensors": (partial(with_pickle, name="model.safetensors"), "damaged"),
    "a pickle": (partial(with_pickle, name="pytorch_model.bin"), "damaged|other code"),
    "code in a file of torch": (with_saved_pickle, "whole network or other code"),
    "in parts": (with_parts, "split into several files"),
    "a processor with code": (
        partial(with_settings, auto_map={"AutoImageProcessor": "p.P"}),
        "auto_map is not known",
    ),
    "another processor": (
        partial(with_settings, image_processor_type="os.system"),
        "os.system is not one of",
    ),
    "a step that is not known": (partial(with_settings, do_thumbnail=True), "do_thumbnail is not"),
    "padding": (partial(with_settings, do_pad=True), "do_pad is not known"),
    "a huge size": (partial(with_settings, size={"height": 1 << 40, "width": 1}), "too large"),
    "no size": (partial(with_settings, size={"longest_edge": 4}), "height and width"),
    "no deviation": (partial(with_settings, image_std=[0.0, 1.0, 1.0]), "above 0"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_of_a_folder_runs_or_fetches(case, tmp_path):
    root, *_ = saved(tmp_path / "net")
    check_refused(root, HOSTILE[case], tmp_path / "trace")


def test_a_processor_that_is_not_reproduced_is_refused(tmp_path, monkeypatch):
    """Its own library runs beside ours: what it does is never guessed."""
    root, _, processor = saved(tmp_path / "net")
    usual = type(processor).rescale
    monkeypatch.setattr(
        type(processor), "rescale", lambda self, *a, **k: usual(self, *a, **k) * 1.1
    )
    with pytest.raises(SegadvError, match="can't be reproduced"):
        load_victim(root).predict(colour())


def test_without_transformers_the_error_says_what_to_install(tmp_path, monkeypatch):
    root, *_ = saved(tmp_path / "net")
    for name in ("transformers", "transformers.models.auto.modeling_auto"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SegadvError, match=r'pip install "napari-segadv\[transformers\]"'):
        load_victim(root)


def test_an_unreadable_folder_is_nobodys(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text("[1")
    with pytest.raises(SegadvError, match="not a model that can be loaded"):
        load_victim(tmp_path / "net")
    shutil.rmtree(tmp_path / "net")
