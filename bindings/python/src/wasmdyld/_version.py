"""The version of the package and of the library that it is made for."""

__version__ = "0.1.0"
