"""`import memcell.data` needs NumPy alone, and says what to install when more is asked of it."""

import subprocess
import sys

import memcell.data

HEAVY = ("polars", "narwhals", "pandas", "pyarrow", "torch", "matplotlib")


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_no_table_library_is_loaded():
    assert run(f"import sys, memcell.data; print([name for name in {HEAVY} if name in sys.modules])") == "[]"


def test_a_lacking_table_library_is_named():
    program = """
import sys
sys.modules["polars"] = None
import memcell.data as data
from memcell.contract.errors import InputError
print(len(data.as_series([[1.0, 2.0]])))
for ask in (lambda: data.read, lambda: data.write_table("x.csv", {})):
    try:
        ask()
    except InputError as error:
        print(error)
"""
    length, reading, writing = run(program).splitlines()
    assert length == "1"
    for message in (reading, writing):
        assert "polars" in message
        assert "pip install 'memcell[table]'" in message


def test_public_names():
    assert sorted(memcell.data.__all__) == list(memcell.data.__all__)
    for name in memcell.data.__all__:
        assert getattr(memcell.data, name) is not None
