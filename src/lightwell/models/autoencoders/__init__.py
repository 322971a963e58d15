"""Models that learn without labels: autoencoders of a pretext task, and SimCLR."""
