"""`import memcell.data` needs NumPy alone; what reads tables says what to install where it lacks."""

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
import memcell
from memcell.contract.errors import InputError
print(len(memcell.as_series([[1.0, 2.0]])))
for ask in (lambda: memcell.read, lambda: memcell.tables.write_table):
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
