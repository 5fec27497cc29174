"""Linear models: one weight a number, an indicator, a category and a hashed n-gram."""
