"""Two filled organisations, made elsewhere."""

from tests.world import filled, world

__all__ = ["filled", "world"]
