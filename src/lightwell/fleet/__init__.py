"""Studies at scale: a grid of them in many processes, and a search over their settings."""

from lightwell.fleet.grid import Cell, Grid
from lightwell.fleet.table import Row, read_rows

__all__ = ["Cell", "Grid", "Row", "read_rows"]
