"""Models that find the sub-classes behind coarse labels."""
