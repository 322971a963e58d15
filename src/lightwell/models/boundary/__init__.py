"""Generators, and what pulls their images to where a classifier cannot decide."""
