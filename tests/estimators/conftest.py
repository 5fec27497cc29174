"""What tests of estimators share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of compiled programs of this session."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def compiled_once(compiled: Path) -> Iterator[None]:
    """Keep compiled programs while a file runs: many tests fit the same network to the same shapes."""
    import jax
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    from justright.models.neural.compiling import keep_compiled

    keep_compiled()  # once a process: it must not change what is set here
    kept = {
        "jax_compilation_cache_dir": str(compiled),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in kept}
    for name, value in kept.items():
        jax.config.update(name, value)
    reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    reset_cache()
