"""Our own wire to a safety microcontroller (SPEC.md): messages, the host's side, and a test for the other side."""
