"""Models whose latents are meant to be concepts, and the autoencoders they come from."""
