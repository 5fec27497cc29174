"""The sections of a report, one a file: each a function from the facts of a run to a Section."""
