"""The car: EXI, SDP, V2GTP, sessions over ISO 15118."""
