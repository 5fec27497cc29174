"""What is wrong with a training, and what to change: the curves of its history, and the rows it saw."""
