"""The rig: plant, cars, back office, faults."""
