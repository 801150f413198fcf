"""A Python function as a CalcJob: its source travels, its result and its exceptions come back."""
