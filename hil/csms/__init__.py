"""The rig's back office: a small CSMS for OCPP 1.6J and 2.0.1 that holds every message against the official schemas."""
