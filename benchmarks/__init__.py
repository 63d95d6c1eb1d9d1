"""Each stage beside its own floor: the least work that could do the same job, measured in the same run, turn by turn."""
