"""The report room: findings and arrays in, figures, tables and one HTML page out. It never imports torch."""

from lightwell.report import figures
from lightwell.report.blocks import Animation, Block, Figure, Note, Numbers, Section, Text
from lightwell.report.compare import compare
from lightwell.report.figures import Card
from lightwell.report.page import Page
from lightwell.report.projection import project
from lightwell.report.tables import Cell, Table, findings_table, markdown

__all__ = [
    "Animation",
    "Block",
    "Card",
    "Cell",
    "Figure",
    "Note",
    "Numbers",
    "Page",
    "Section",
    "Table",
    "Text",
    "compare",
    "figures",
    "findings_table",
    "markdown",
    "project",
]
