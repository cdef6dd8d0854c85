"""What the tests of the business can ask for: the two filled organisations."""

from tests.world import filled, world

__all__ = ["filled", "world"]  # fixtures made elsewhere
