"""Certificates and keys of the car side: what is installed, what is wrong with it, and a test PKI."""
