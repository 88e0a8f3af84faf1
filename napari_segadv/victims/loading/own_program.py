"""What a bundle's program does beside the parts that are compared: only what is known may be.

A bundle's program is its evaluator with all that it is given, and the calls around it. Its own
pipeline is compared only if each of these is known to leave the mask as it is.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import SegadvError
from ..preprocessing.chain import COPIES, WITHOUT_EFFECT, is_monais, plain_name
from ..preprocessing.without_effect import dtype_name
from .bundle_config import MACRO, NETWORK_KEYS, REFERENCE, BundleConfig, Place, place_of
from .bundle_parts import of_pred
from .bundle_places import AFTER, EVALUATOR, handlers_of, place_after
from .evaluation import Evaluation
from .names import import_in
from .values import Code, is_true

EVALUATORS = tuple(
    f"{module}SupervisedEvaluator" for module in ("", "monai.engines.", "monai.engines.evaluator.")
)
METRICS = ("key_val_metric", "additional_metrics")
# Arguments of it that leave the mask as it is, or that are read.
OF_EVALUATORS = frozenset(
    {
        *("_target_", "_desc_", "device", "network", "val_data_loader", "inferer"),
        *("postprocessing", "val_handlers", "amp", "mode", "decollate", "epoch_length"),
        *("non_blocking", "metric_cmp_fn", *METRICS),
    }
)
# Classes of MONAI that hand images on as they are, and their arguments.
LOADERS = frozenset({"DataLoader", "ThreadDataLoader"})
OF_LOADERS = frozenset(
    {
        *("_target_", "_desc_", "dataset", "batch_size", "shuffle", "num_workers", "pin_memory"),
        *("persistent_workers", "prefetch_factor", "drop_last", "sampler", "timeout"),
    }
)
DATASETS = frozenset(
    {"Dataset", "CacheDataset", "PersistentDataset", "SmartCacheDataset", "DecathlonDataset"}
)
HANDLERS = frozenset(
    {
        *("CheckpointLoader", "StatsHandler", "MetricsSaver", "MetricLogger"),
        *("ClassificationSaver", "TensorBoardStatsHandler", "MLFlowHandler"),
        *("MeanDice", "MeanIoUHandler", "HausdorffDistance", "SurfaceDistance"),
        *("ConfusionMatrix", "ROCAUC", "IgniteMetricHandler", "PanopticQuality"),
        *("MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError"),
        *("PeakSignalToNoiseRatio",),
    }
)
# Functions that expressions around the evaluator may call. Without a call they do nothing.
CALLS = frozenset(
    {
        *("monai.utils.set_determinism", "set_determinism", "torch.device", "torch.load"),
        *("torch.cuda.is_available", "torch.cuda.set_device", "torch.cuda.empty_cache"),
        *("monai.handlers.from_engine", "from_engine", "os.path.exists", "os.path.join"),
        *("os.path.dirname", "os.path.basename", "os.path.abspath", "os.path.isfile"),
        *("os.getcwd", "str", "int", "float", "bool", "len", "print", "sys.path.append"),
        *("logging.getLogger", "os.makedirs"),
        *(
            f"{module}.{name}"
            for module in ("torch.distributed", "dist")
            for name in ("init_process_group", "is_initialized", "get_rank", "get_world_size")
        ),
        *("torch.distributed.destroy_process_group", "dist.destroy_process_group"),
        *("dist.is_available", "torch.distributed.is_available"),
    }
)
# The object whose attributes these expressions may set.
SETTABLE = "torch.backends.cudnn"
# Methods of the network: its mode is the evaluator's; calls that load are read in `checkpoints`.
METHODS = frozenset({"eval", "load_state_dict"})
AROUND = ("initialize", "finalize")
RUN = "run"
# The call that is followed, without spaces.
RUNS = "$@evaluator.run()"
# Arguments of a writer that change no value of the mask, on an image's own grid.
OF_WRITERS = frozenset(
    {
        *("_target_", "_desc_", "_disabled_", "keys", "meta_keys", "meta_key_postfix"),
        *("output_dir", "output_postfix", "output_ext", "separate_folder", "print_log"),
        *("data_root_dir", "resample", "mode", "padding_mode", "allow_missing_keys"),
        *("squeeze_end_dims", "savepath_in_metadict", "output_dtype", "dtype"),
    }
)
ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png")
WRITER = "SaveImage"
# The largest whole number up to which a type holds each.
HOLDS = {"int8": 127, "uint8": 255, "float16": 2048, "int16": 32767, "uint16": 65535}
HOLDS |= dict.fromkeys(("int32", "int64", "uint32", "float32", "float64"), 1 << 24)


def unfollowed(config: BundleConfig, most: int) -> str:
    """Return what in a bundle's program may change the mask, and is not reproduced; "": nothing.

    Args:
        config: the bundle's.
        most: the largest number in the masks that it writes.
    """
    try:
        found = [_of_evaluator, _of_loader, _of_handlers, _of_calls]
        reasons = (one(config) for one in found)
        return next((reason for reason in reasons if reason), "") or _of_writers(config, most)
    except SegadvError as error:
        return str(error).removeprefix(f"{config.source}: ")


def _of_evaluator(config: BundleConfig) -> str:
    if not config.has(EVALUATOR[0]):
        return "its configuration runs something, but has no evaluator" if config.has(RUN) else ""
    place = config.followed(EVALUATOR)
    raw = config.at(place)
    target = raw.get("_target_") if isinstance(raw, Mapping) else raw
    # One of another class is refused for its class, not for what it imports first.
    known = OF_EVALUATORS if target in EVALUATORS else OF_EVALUATORS | {"_requires_"}
    odd = next((str(k) for k in raw if k not in known), "") if isinstance(raw, Mapping) else ""
    if odd:
        return f"its evaluator has {odd[:80]}, which is not reproduced"
    if target not in EVALUATORS:
        return f"its evaluator is {str(target)[:80]}, which is not reproduced"
    for key, wanted in (("mode", "eval"), ("decollate", True)):
        value = Evaluation(config).at((*place, key)) if raw.get(key) is not None else wanted
        if isinstance(value, Code) or value != wanted:
            return f"its evaluator has {key} {str(value)[:80]}, which is not reproduced"
    if config.entry(EVALUATOR, AFTER) is None and place_after(config) is not None:
        return (
            "its evaluator names no postprocessing, so its program does not run the one that its "
            "configuration has"
        )
    return ""


def _of_loader(config: BundleConfig) -> str:
    """Return what is not known of the evaluator's data loader and its dataset."""
    loader = config.entry(EVALUATOR, "val_data_loader")
    if loader is None:
        return ""
    loader = config.followed(loader)
    raw = config.at(loader)
    if not isinstance(raw, Mapping) or not _is_one_of(raw.get("_target_"), LOADERS):
        named = raw.get("_target_") if isinstance(raw, Mapping) else raw
        return f"its data loader is {str(named)[:80]}, which is not reproduced"
    odd = next((str(key) for key in raw if key not in OF_LOADERS), "")
    if odd:
        return f"its data loader has {odd[:80]}, which is not reproduced"
    dataset = config.entry(loader, "dataset") if len(loader) == 1 else (*loader, "dataset")
    made = {} if dataset is None else config.at(config.followed(dataset))
    if not isinstance(made, Mapping) or not _is_one_of(made.get("_target_"), DATASETS):
        named = made.get("_target_") if isinstance(made, Mapping) else made
        return f"its dataset is {str(named)[:80]}, which is not reproduced"
    return ""


def _is_one_of(target: Any, names: frozenset[str]) -> bool:
    return isinstance(target, str) and is_monais(target) and target.rsplit(".", 1)[-1] in names


def _of_handlers(config: BundleConfig) -> str:
    """Return what is not known of the evaluator's handlers and metrics."""
    for place in handlers_of(config, ("val_handlers", *METRICS)):
        raw = config.at(place)
        if raw is None or (isinstance(raw, Mapping) and is_true(raw.get("_disabled_"))):
            continue
        target = raw.get("_target_") if isinstance(raw, Mapping) else raw
        metric = isinstance(target, str) and target.startswith("ignite.metrics.")
        if not (metric or _is_one_of(target, HANDLERS)):
            return f"its evaluator has the handler {str(target)[:80]}, which is not reproduced"
        for key, value in raw.items():
            # The file that is loaded is read in `checkpoints`.
            code = "" if key == "load_path" else _acts(value, (*place, str(key)), config, set())
            if code:
                return f"its evaluator's handler {target} has code that is not known ({code[:60]})"
    return ""


def _of_calls(config: BundleConfig) -> str:
    """Return what is not known of the calls around the evaluator's own."""
    for part in AROUND:
        code = _acts(config.content.get(part), (part,), config, set())
        if code:
            return f"its {part} has code that is not known ({code[:60]})"
    if not config.has(RUN):
        return ""
    runs, count = config.content[RUN], 0
    for number, one in enumerate(runs if isinstance(runs, list) else [runs]):
        if isinstance(one, str) and "".join(one.split()) == RUNS:
            count += 1
            continue
        place = (RUN, str(number)) if isinstance(runs, list) else (RUN,)
        code = _acts(one, place, config, set())
        if code:
            return f"its program runs {code[:60]}, which is not reproduced"
    return "" if count == 1 else "its program does not run its evaluator once"


def _acts(value: Any, place: Place, config: BundleConfig, seen: set[Place]) -> str:
    """Return code in a value, or in what it refers to, that may do something; "": none.

    Args:
        value: of the configuration.
        place: where it stands.
        config: the configuration.
        seen: the places that were looked at, to which this one is added.
    """
    if place in seen:
        return ""
    seen.add(place)
    inner: list[tuple[Any, Any]]
    if isinstance(value, Mapping):
        if "_target_" in value:
            known = _is_one_of(value["_target_"], HANDLERS | LOADERS | DATASETS)
            return "" if known else str(value["_target_"])
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        inner = []
    for key, one in inner:
        code = _acts(one, (*place, str(key)), config, seen)
        if code:
            return code
    if not isinstance(value, str):
        return ""
    macro = MACRO.fullmatch(value)
    if macro is not None:
        at = place_of(macro, place)
        return _acts(config.at(at, value), at, config, seen)
    text = f"${value}" if REFERENCE.fullmatch(value) else str(value)
    if not text.startswith("$") or import_in(text) is not None:
        return ""
    try:
        tree, references = Evaluation(config).parsed(text, place)
    except SegadvError:
        return text
    if not all(_is_harmless(node, references) for node in ast.walk(tree)):
        return text
    for at, named in references.values():
        if at in (EVALUATOR, config.network_place, ("bundle_root",)):
            continue
        if len(at) == 1 and at[0] in NETWORK_KEYS:
            continue
        code = _acts(config.at(at, named), at, config, seen)
        if code:
            return code
    return ""


def _is_harmless(node: ast.AST, references: Mapping[str, Any]) -> bool:
    """Return whether a part of an expression does nothing to the network or the mask."""
    if isinstance(node, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)):
        return False
    if not isinstance(node, ast.Call):
        return True
    named = ast.unparse(node.func)
    if named == "setattr":
        return bool(node.args) and ast.unparse(node.args[0]) == SETTABLE
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        return isinstance(node.func.value, ast.Name) and node.func.value.id in references
    return named in CALLS


def _of_writers(config: BundleConfig, most: int) -> str:
    """Return what writers do to the mask's numbers, or steps behind them."""
    written = ""
    for step in Evaluation(config).transforms_at(place_after(config)):
        target = str(step["_target_"])
        name = plain_name(target, WITHOUT_EFFECT | {WRITER})
        if is_true(step.get("_disabled_")) or not of_pred(step):
            continue
        if name == WRITER and _writes_pred(step):
            written = target
            odd = _odd_argument(step, most)
            if odd:
                return f"its {target} has {odd}, so that it may write other numbers"
        elif written and (name not in WITHOUT_EFFECT - {COPIES}) and _writes_pred(step):
            return f"its {target} changes the mask only after {written} has written it"
    return ""


def _writes_pred(step: Mapping[str, Any]) -> bool:
    keys = step.get("keys", "pred")
    named: Sequence[Any] = [keys] if isinstance(keys, str) else list(keys or [])
    return any(isinstance(key, Code) or key == "pred" for key in named)


def _odd_argument(step: Mapping[str, Any], most: int) -> str:
    """Return an argument of a writer by which the file may hold other numbers than the mask."""
    for key, value in step.items():
        if value is None or (key == "channel_dim" and value == 0):
            continue
        if key not in OF_WRITERS:
            return str(key)[:80]
        if key == "output_ext" and value not in ENDINGS:
            return f"{key} {str(value)[:80]}"
        if key in ("dtype", "output_dtype"):
            each = value if isinstance(value, (list, tuple)) else [value]
            if any(HOLDS.get(_dtype(one), 0) < most for one in each):
                return f"{key} {str(value)[:80]}"
    return ""


def _dtype(value: Any) -> str:
    plain = re.sub(r"^\$\s*(np|numpy|torch)\.", "", value) if isinstance(value, str) else value
    return str(dtype_name(plain))


def painted_most(regions: Mapping[str, Sequence[int]] | None, count: int) -> int:
    """Return the largest number in a mask: the last class's, or a painted label."""
    return max((count, *(n for labels in (regions or {}).values() for n in labels)))
