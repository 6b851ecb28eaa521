"""The version, alone in a file so that reading it imports nothing."""

__all__ = ["__version__"]

# The version of this package, by the rules of SemVer.
__version__ = "0.1.0"
