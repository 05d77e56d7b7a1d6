"""Modbus master for drivers: frames, lines, and a bus that several devices share. Loaded where a board names it."""
