"""The simulated board: a register file that the plant of the rig reads and writes."""
