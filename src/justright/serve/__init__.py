"""Answer requests with a model: the data plane, the wire formats, the HTTP edge."""
