"""Models as files: what comes back, and that nothing but a whole model of this format is taken for one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model.random_models import MAKERS, classifier, predictions
from safetensors import safe_open
from safetensors.numpy import save_file

import memcell
from memcell import InputError, LstmSpec, Series
from memcell.model import Model, ModelConfig, artifact, save

OLDER, NEWER = artifact.FORMAT - 1, artifact.FORMAT + 1

CLEAR = r"(no memcell model|cut short or damaged|altered|newer memcell|does not describe a model|contradicts itself)"


@pytest.fixture
def path(model: Model, tmp_path: Path) -> Path:
    """A saved model of each task."""
    save(model, tmp_path / "a.memcell")
    return tmp_path / "a.memcell"


def header_size(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def rewrite(path: Path, **changes: Any) -> None:
    """Change the metadata; a dict is merged into the document; the checksum is made to fit where it is not given."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    document = changes.pop("document", {})
    if isinstance(document, dict):
        document = json.dumps(json.loads(metadata["memcell"]) | document)
    weights |= changes.pop("weights", {})
    metadata["memcell"] = document
    metadata["sha256"] = artifact._digest(document, weights)
    save_file({name: w for name, w in weights.items() if w is not None}, path, metadata | changes)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(
    "spec", [LstmSpec(), LstmSpec("none"), LstmSpec("diagonal", "current", True)], ids=lambda spec: spec.peephole
)
@pytest.mark.parametrize("task", sorted(MAKERS))
def test_a_loaded_model_is_the_saved_one_bit_for_bit(
    task: str, spec: LstmSpec, num_layers: int, series: list[Series], tmp_path: Path
) -> None:
    model = MAKERS[task](spec=spec, num_layers=num_layers)
    save(model, tmp_path / "m")
    again = memcell.load(str(tmp_path / "m"))
    np.testing.assert_array_equal(predictions(again, series), predictions(model, series))
    assert (again.recipe, again.config, again.record) == (model.recipe, model.config, model.record)


@pytest.mark.parametrize("task", sorted(MAKERS))
def test_one_model_is_one_file(task: str, tmp_path: Path) -> None:
    for name in "ab":
        save(MAKERS[task](), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("classes", [(0, 1, 2), (0.5, 1.0, 2.0), ("né", "ü", "好")], ids=str)
def test_labels_keep_their_types(classes: tuple[Any, ...], tmp_path: Path) -> None:
    model = classifier()
    config = type(model.config)(**{**vars(model.config), "head": type(model.config.head)(classes)})
    save(Model(model.recipe, config, model.members), tmp_path / "m")
    assert [*map(repr, memcell.load(tmp_path / "m").classes)] == [*map(repr, classes)]


def test_a_model_is_not_replaced_unasked(model: Model, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"exists.*--overwrite"):
        save(model, path)
    assert path.read_bytes() == before
    save(classifier(seed=5), path, overwrite=True)
    assert path.read_bytes() != before


def test_a_file_cut_short_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for size in [*range(0, 40), *np.linspace(40, len(whole) - 1, 150).astype(int)]:
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="cut short or damaged"):
            memcell.load(path)


def test_a_flipped_bit_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    header = header_size(whole)
    rng = np.random.default_rng(0)
    places = [*range(8), *rng.integers(8, header, 250), *rng.integers(header, len(whole), 100), len(whole) - 1]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=CLEAR):
            memcell.load(path)


def test_more_bytes_than_there_should_be_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(InputError, match="cut short or damaged"):
        memcell.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"memcell_format": str(NEWER)},
            f"has format {NEWER}, from a newer memcell; this one reads {NEWER - 1}. Update it",
        ),
        (
            {"memcell_format": str(OLDER)},
            f"has format {OLDER}, from an older memcell; this one reads {OLDER + 1}. Fit it",
        ),
        ({"memcell_format": "9" * 25}, "from a newer memcell"),
        ({"memcell_format": ""}, "does not say which format"),
        ({"memcell_format": "-1"}, "does not say which format"),
        ({"memcell_format": "0"}, "does not say which format"),
        ({"memcell_format": "²"}, "does not say which format"),
        ({"memcell_format": "9" * 9999}, "does not say which format"),
        ({"sha256": "0" * 64}, "checksum does not match"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_metadata_that_do_not_fit_are_refused(path: Path, changes: dict[str, str], message: str) -> None:
    rewrite(path, **changes)
    with pytest.raises(InputError, match=message):
        memcell.load(path)


@pytest.mark.parametrize("sizes", [[0], [-3], [3.7], "12", [True], [float("inf")], 5])
def test_sizes_of_shapes_that_are_no_counts_are_refused(sizes: Any) -> None:
    record = {**classifier(shapes=True).config.to_json(), "shapes": sizes}
    with pytest.raises(InputError):
        ModelConfig.from_json(record)


@pytest.mark.parametrize(
    "document",
    [
        "not JSON",
        "[]",
        "null",
        "[" * 100_000,
        {"recipe": None},
        {"recipe": {}},
        {"config": None},
        {"config": []},
        {"config": {"task": "classify", "head": []}},
        {"config": {"task": "classify", "head": {"classes": [[], {}]}}},
        {"config": {"task": ["classify"], "head": {}}},
        {"config": {"task": "translate", "head": {}}},
        {"record": 5},
    ],
    ids=lambda document: str(document)[:40],
)
def test_a_document_that_describes_no_model_is_refused_in_spite_of_its_checksum(path: Path, document: Any) -> None:
    rewrite(path, document=document)
    with pytest.raises(InputError, match="does not describe a model"):
        memcell.load(path)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(7, np.nan, np.float32), "not finite float32: see 'member.0.state_decay.bias'"),
        (np.zeros(7), "not finite float32: see 'member.0.state_decay.bias'"),
        (np.zeros(8, np.float32), "does not hold the weights it should: see 'member.0.state_decay.bias'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(path: Path, weight: np.ndarray, message: str) -> None:
    rewrite(path, weights={"member.0.state_decay.bias": weight})
    with pytest.raises(InputError, match=message):
        memcell.load(path)


def test_a_weight_too_many_is_refused(path: Path) -> None:
    rewrite(path, weights={"more": np.zeros(1, np.float32)})
    with pytest.raises(InputError, match="see 'more'"):
        memcell.load(path)


def test_recipe_and_network_must_have_the_same_channels(tmp_path: Path) -> None:
    model = classifier()
    config = type(model.config)(**{**vars(model.config), "channels": 2})
    shapes = config.weight_shapes()
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    save(Model(model.recipe, config, (weights,)), tmp_path / "m")
    with pytest.raises(InputError, match="recipe and model differ in their channels"):
        memcell.load(tmp_path / "m")


def test_what_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("week,co2\n1,316.1\n" * 50)
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "other", {"format": "pt"})
    for name, message in (
        ("empty", "no memcell model"),
        ("text", "no memcell model"),
        ("other", "is a safetensors file, but no memcell model"),
        ("", "is a folder"),
        ("absent", "There is no file"),
        ("text/absent", "There is no file"),
        ("x" * 5000, "cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            memcell.load(tmp_path / name)


def test_a_record_of_losses_that_are_no_numbers_is_kept(tmp_path: Path) -> None:
    model = MAKERS["classify"]()
    odd = {"history": [[{"loss": float("nan"), "validation_loss": float("inf")}]], "validation_loss": float("inf")}
    save(replace(model, record={**model.record, **odd}), tmp_path / "x.memcell")
    found = memcell.load(tmp_path / "x.memcell").record
    assert found["history"] == [[{"loss": None, "validation_loss": None}]]
    assert found["validation_loss"] is None
