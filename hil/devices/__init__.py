"""Devices that speak their makers' protocols, byte for byte, faults included: the other end of hal/drivers."""
