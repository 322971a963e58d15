"""From an unknown score to a decision: refuse or accept."""
