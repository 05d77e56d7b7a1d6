"""The station as facts and commands, in OCPP 2.x terms. Knows no protocol."""
