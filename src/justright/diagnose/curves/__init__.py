"""What the curves of a training say: one file a rule, `verdict` asks them all."""
