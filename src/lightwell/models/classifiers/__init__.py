"""Models of known classes: one code, class scores read off it."""
