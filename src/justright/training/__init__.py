"""The one loop that trains every family, its history, callbacks and checkpoints."""
