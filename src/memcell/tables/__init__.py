"""Tables of every shape into series, and predictions out again; needs the extra ``table``."""

from memcell.tables.duplicates import Duplicates
from memcell.tables.reading import TableContents, read, read_table
from memcell.tables.writing import write_table

__all__ = ["Duplicates", "TableContents", "read", "read_table", "write_table"]
