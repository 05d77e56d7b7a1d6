"""What the board is: contracts, drivers, simulated parts, and the guard that keeps it safe."""
