from dezero import _dezero  # noqa: F401
from dezero.core import *  # noqa: F403
import dezero.functions  # noqa: F401
