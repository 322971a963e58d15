"""lightwell: see into a learned representation.

Learn a representation whose axes mean something, explain any encoder without labels, and stress it
with what it has never seen. See the README for a first run.
"""

__version__ = "0.1.0"
