"""The rig's back office: a small CSMS for OCPP 1.6J, 2.0.1, 2.1 that holds each message against its official schema."""
