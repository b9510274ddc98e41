"""`TableSchema` goes through JSON and refuses what makes no sense."""

import json

import pytest

from memcell.contract.errors import InputError
from memcell.data import TableSchema

SCHEMA = TableSchema("stay", "hour", "died", ("pulse", "ph"), "number", date_only=False)


def test_schema_survives_json():
    assert TableSchema.from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"channels": []}, "no channel"),
        ({"channels": "pulse"}, "list of text"),
        ({"channels": ["pulse", 3]}, "list of text"),
        ({"channels": ["pulse", "hour"]}, "two roles"),
        ({"id": 3}, "'id'"),
        ({"time_kind": "days"}, "time_kind"),
        ({"time_kind": ["number"]}, "time_kind"),
        ({"time_kind": "order"}, "'order' where there is no time column"),
        ({"time": None}, "'order' where there is no time column"),
        ({"date_only": 1}, "true or false"),
        ({"date_only": True}, "needs dates"),
        ({"time_form": "roman"}, "time_form"),
        ({"extra": 1}, "extra"),
    ],
)
def test_schema_refuses(change, part):
    with pytest.raises(InputError, match=part):
        TableSchema.from_json({**SCHEMA.to_json(), **change})


def test_a_schema_of_the_first_models_is_read():
    old = {name: value for name, value in SCHEMA.to_json().items() if name != "time_form"}
    assert TableSchema.from_json(old) == SCHEMA


@pytest.mark.parametrize("data", [None, [], "x", {}])
def test_schema_refuses_what_is_no_schema(data):
    with pytest.raises(InputError, match="schema"):
        TableSchema.from_json(data)
