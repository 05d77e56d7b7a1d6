"""Certificates and keys of the station, and its security log."""
