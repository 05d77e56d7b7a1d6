"""What the board is: contracts, drivers, simulated parts, and the guard that keeps it safe."""

__version__ = "0.1.0"  # that of pyproject.toml (a test compares); importlib.metadata would cost 20 ms and 0.7 MB
