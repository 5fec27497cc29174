"""Property tests of the split: no deadline, since the first example pays for an import of pyarrow."""

from hypothesis import settings

settings.register_profile("split", deadline=None)
settings.load_profile("split")
