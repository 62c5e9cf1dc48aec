"""The functions."""
from dezero._dezero import *  # noqa: F403
