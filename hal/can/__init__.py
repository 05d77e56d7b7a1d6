"""DC supplies on a CAN bus: the bus with its reader thread, and what all makers' modules share."""
