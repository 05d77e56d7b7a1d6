"""Boards with a controller of their own: their protocols without I/O, and the thread that carries them.

A [controller.<name>] of a board file is one such link; the connector's parts (hal/drivers/controller_*.py) share it.
"""
