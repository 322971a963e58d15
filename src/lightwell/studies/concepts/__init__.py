"""Concepts: whether named latents mean what the name says, and at what price in annotations."""

from lightwell.studies.concepts.study import Concepts

__all__ = ["Concepts"]
