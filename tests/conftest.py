"""Lies here so that pytest puts tests/ on the import path: other rooms share the table in ``backends.cases``."""
