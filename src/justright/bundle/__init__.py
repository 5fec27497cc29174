"""The model as plain data: write it, read it with suspicion, score rows with it."""
